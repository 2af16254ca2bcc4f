"""`vreid demo`: index, serve, search, show; on a tiny bundle here, and on the shipped one."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from service.demo import child
from service.demo.child import DemoError, is_free, serving
from service.demo.run import SAMPLES
from service.gallery.store.database import DATABASE_NAME
from service.indexing.job import index_source
from service.settings import SHIPPED_BUNDLE
from tests.bundles import make_tiny_bundle
from tests.e2e.processes import clean_environment, command, vreid
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


def run_once(
    bundle: Bundle, samples: Path, gallery: Path | None, **environment: str
) -> subprocess.CompletedProcess[str]:
    named = None if gallery is None else str(gallery)
    script = (
        "from pathlib import Path\n"
        "from service.demo.run import run_demo\n"
        f"run_demo({named!r} and Path({named!r}), 0, True, "
        f"Path({str(bundle.path)!r}), Path({str(samples)!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment() | environment,
    )


def test_one_run_prints_a_ranked_table_and_where_the_page_was(
    bundle: Bundle, tmp_path: Path
) -> None:
    samples = write_samples(tmp_path / "samples")
    done = run_once(bundle, samples, tmp_path / "gallery")
    assert done.returncode == 0, done.stderr
    assert "4 samples indexed" in done.stdout
    assert f"the gallery stays in {tmp_path / 'gallery'} for the next run\n" in done.stdout
    assert done.stdout.index("the 4 nearest of the gallery's 4 sightings:") < done.stdout.index(
        "rank  identity"
    )
    assert re.search(r"^rank +identity .* probability +match +modalities", done.stdout, re.M)
    assert re.search(r"^1 +vehicle-2 .* (yes|no|-) +rgb.* demo-2$", done.stdout, re.MULTILINE)
    assert re.search(
        r"^the page \(while it ran\): http://127\.0\.0\.1:\d+/$", done.stdout, re.MULTILINE
    )


def test_a_gallery_that_was_named_is_counted_whole_and_not_offered_for_removal(
    bundle: Bundle, tmp_path: Path
) -> None:
    samples = write_samples(tmp_path / "samples")
    manifest = samples / "manifest.csv"
    own = samples / "own.csv"
    own.write_text(manifest.read_text().replace("demo-", "own-"))
    index_source(own, bundle, tmp_path / "gallery", show_progress=False)
    done = run_once(bundle, samples, tmp_path / "gallery")
    assert done.returncode == 0, done.stderr
    assert "the 8 nearest of the gallery's 8 sightings:" in done.stdout
    assert "rm -r" not in done.stdout


@pytest.mark.parametrize(
    ("is_calibrated", "explained"), [(True, ["identity", "probability"]), (False, ["identity"])]
)
def test_the_demos_own_gallery_can_be_removed_and_only_known_columns_are_explained(
    tmp_path: Path, is_calibrated: bool, explained: list[str]
) -> None:
    # Its calibration has no threshold, so nothing is a match or none.
    bundle = make_tiny_bundle(tmp_path / "bundle", calibrated=is_calibrated)
    samples = write_samples(tmp_path / "samples")
    done = run_once(bundle, samples, None, XDG_DATA_HOME=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^  (\w+)  ", done.stdout, re.M) == explained
    removed = re.search(r"; to remove it: rm -r (.+)$", done.stdout, re.M)
    assert removed is not None
    assert Path(removed[1]).is_relative_to(tmp_path / "data")
    assert (Path(removed[1]) / DATABASE_NAME).is_file()


def test_two_services_that_prefer_one_port_each_have_their_own(
    bundle: Bundle, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        serving(bundle.path, tmp_path / "one", port) as (_, first),
        serving(bundle.path, tmp_path / "two", port) as (_, second),
    ):
        assert first == f"http://127.0.0.1:{port}"
        assert not is_free(port)
        assert second != first


def test_a_port_taken_at_the_last_moment_is_no_obstacle(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True])
    monkeypatch.setattr(child, "is_free", lambda port: next(looks, False))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(bundle.path, tmp_path / "gallery", port) as (process, address):
            assert process.poll() is None
            assert not address.endswith(f":{port}")


def test_a_service_that_cannot_start_ends_the_demo(tmp_path: Path) -> None:
    with (
        pytest.raises(DemoError, match="ended with status 1"),
        serving(tmp_path / "no-bundle", tmp_path / "gallery", 0),
    ):
        pass


def test_without_once_the_page_stays_until_the_demo_is_told_to_stop(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        command(["demo", "--port", "0", "--gallery", tmp_path / "gallery"]),
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    try:
        assert demo.stdout is not None
        printed = next(line for line in demo.stdout if line.startswith("the page: "))
        assert httpx.get(printed.split()[-1], trust_env=False).status_code == 200
    finally:
        demo.terminate()
        demo.communicate(timeout=60)
    assert demo.returncode == 0


def test_the_shipped_demo_finds_the_vehicle_first(tmp_path: Path) -> None:
    assert (SHIPPED_BUNDLE / "manifest.json").is_file(), "the repository ships a bundle"
    done = vreid("demo", "--once", "--port", "0", "--gallery", tmp_path / "gallery")
    assert done.returncode == 0, done.stderr
    before, _ = done.stdout.split("rank  identity")
    assert "the 10 nearest of the gallery's 240 sightings:" in before
    assert re.search(r"^  match +yes: so alike are 1 in \d+ pairs of different", before, re.M)
    table = [line for line in done.stdout.splitlines() if re.match(r"\d+ +vehicle-", line)]
    assert len(table) == 10
    sought = json.loads((SAMPLES / "query" / "query.json").read_text())["identity"]
    assert table[0].split()[1] == sought
    assert {line.split()[4] for line in table} <= {"yes", "no"}, "the shipped bundle can judge"
    assert table[0].split()[4] == "yes"
