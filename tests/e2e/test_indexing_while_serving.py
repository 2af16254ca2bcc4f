"""What `vreid index` stores while the service runs is found without a restart."""

import json
import time
from pathlib import Path

from tests.e2e.processes import ServiceProcess, vreid
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


def write_samples(directory: Path, identities: range) -> Path:
    directory.mkdir()
    rows = ["id,rgb,nir,tir,identity,camera"]
    for identity in identities:
        for name, data in triplet(identity).items():
            (directory / f"{identity}_{name}.png").write_bytes(data)
        images = ",".join(f"{identity}_{name}.png" for name in ("rgb", "nir", "tir"))
        rows.append(f"indexed-{identity},{images},v{identity},north")
    manifest = directory / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n")
    return manifest


def test_indexed_records_become_searchable_without_a_restart(
    service: ServiceProcess, bundle: Bundle, tmp_path: Path
) -> None:
    client = service.client
    assert client.post("/search", files=triplet(2)).json()["results"] == []
    client.post("/gallery", files=triplet(9), data={"id": "enrolled"})

    source = write_samples(tmp_path / "archive", range(5))
    gallery = tmp_path / "gallery"
    done = vreid("index", source, "--bundle", bundle.path, "--gallery", gallery, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["indexed"], summary["skipped"], summary["rejected"]) == (5, 0, 0)

    deadline = time.monotonic() + 5
    found: set[str] = set()
    while len(found) < 6 and time.monotonic() < deadline:
        time.sleep(0.05)
        results = client.post("/search", files=triplet(2)).json()["results"]
        found = {result["id"] for result in results}
    assert found == {"enrolled", *(f"indexed-{identity}" for identity in range(5))}
    assert results[0]["id"] == "indexed-2"
    assert client.get("/gallery/indexed-2").json()["identity"] == "v2"
    assert client.get("/gallery/indexed-2/images/nir").status_code == 200

    again = vreid("index", source, "--bundle", bundle.path, "--gallery", gallery, "--json")
    assert json.loads(again.stdout.splitlines()[-1])["skipped"] == 5
