"""`vreid demo`: index, serve, search, show; on a tiny bundle here, and on the shipped one."""

import json
import re
import subprocess
import sys
from pathlib import Path

from service.demo.child import free_port
from service.demo.run import SAMPLES
from service.settings import SHIPPED_BUNDLE
from tests.e2e.processes import clean_environment, vreid
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


def write_samples(directory: Path) -> Path:
    (directory / "query").mkdir(parents=True)
    rows = ["id,rgb,nir,tir,identity,camera,scene,captured_at"]
    for identity in range(4):
        for name, data in triplet(identity).items():
            (directory / f"{identity}_{name}.png").write_bytes(data)
        images = ",".join(f"{identity}_{name}.png" for name in ("rgb", "nir", "tir"))
        rows.append(f"demo-{identity},{images},vehicle-{identity},north,1,2024-05-01T12:00:00Z")
    for name, data in triplet(2, 9).items():
        (directory / "query" / f"{name}.png").write_bytes(data)
    (directory / "manifest.csv").write_text("\n".join(rows) + "\n")
    return directory


def test_one_run_prints_a_ranked_table_and_the_address(bundle: Bundle, tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "samples")
    script = (
        "from pathlib import Path\n"
        "from service.demo.run import run_demo\n"
        f"run_demo(Path({str(tmp_path / 'gallery')!r}), {free_port(0)}, True, "
        f"Path({str(bundle.path)!r}), Path({str(samples)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "4 samples indexed" in done.stdout
    assert re.search(r"^1 +vehicle-2 .* demo-2$", done.stdout, re.MULTILINE)
    assert re.search(r"^the page: +http://127\.0\.0\.1:\d+/$", done.stdout, re.MULTILINE)


def test_a_taken_port_is_no_obstacle() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port


def test_the_shipped_demo_finds_the_vehicle_first(tmp_path: Path) -> None:
    assert (SHIPPED_BUNDLE / "manifest.json").is_file(), "the repository ships a bundle"
    done = vreid("demo", "--once", "--port", "0", "--gallery", tmp_path / "gallery")
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if re.match(r"\d+ +vehicle-", line)]
    assert len(table) == 10
    sought = json.loads((SAMPLES / "query" / "query.json").read_text())["identity"]
    assert table[0].split()[1] == sought
