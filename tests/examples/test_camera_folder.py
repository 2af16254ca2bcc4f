"""The example program that watches a folder, as a process of its own that is killed."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import ServiceProcess, clean_environment, serving, vreid
from tests.service.ingest.waiting import wait_until
from tests.service.vehicles import picture
from vreid.bundle import Bundle
from vreid.modality import MODALITIES, Modality

PROGRAM = Path(__file__).parents[2] / "examples" / "camera_folder.py"
SIGHTINGS = 30
_SECONDS = 600
"""Of one run or wait: many times what it takes, for machines that are slow or busy."""

pytestmark = pytest.mark.timeout(4 * _SECONDS)


@pytest.fixture
def camera() -> str:
    """A camera that no other test has."""
    return uuid.uuid4().hex


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """The folder that the detector writes into."""
    folder = tmp_path / "crops"
    folder.mkdir()
    return folder


def write(
    crops: Path, camera: str, number: int, modalities: tuple[Modality, ...] = MODALITIES
) -> str:
    """Write a sighting as a detector does, each file under its name when it is whole."""
    name = f"{camera}_20260301T1200{number:02d}.5Z_{number}"
    for modality in modalities:
        part = crops / f".{name}_{modality}.png.part"
        part.write_bytes(picture(number, modality=modality))
        part.rename(crops / f"{name}_{modality}.png")
    return name


def line(crops: Path, address: str, *options: str) -> list[str]:
    quick = ["--settle", "0", "--patience", "0", "--every", "0.02"]
    return [sys.executable, str(PROGRAM), str(crops), "--url", address, *quick, *options]


def run(crops: Path, address: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the program until nothing is left to send."""
    return subprocess.run(
        line(crops, address, "--once", *options),
        env=clean_environment() | {"PYTHONPATH": str(PROGRAM.parents[1])},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )


@contextmanager
def watching(crops: Path, address: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        line(crops, address, *options),
        env=clean_environment() | {"PYTHONPATH": str(PROGRAM.parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=_SECONDS)


def stored(service: ServiceProcess, camera: str) -> list[dict[str, Any]]:
    asked = {"filter": json.dumps({"camera": camera}), "limit": "500"}
    page = service.client.get("/gallery", params=asked).json()
    assert page["next_cursor"] is None
    records: list[dict[str, Any]] = page["records"]
    return records


def move_back(crops: Path, name: str) -> None:
    """As docs/guides/camera-pipeline.md says."""
    for path in (crops / "failed" / name).glob(f"{name}_*"):
        path.rename(crops / path.name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_sighting_is_stored_under_its_name_with_camera_and_time(
    service: ServiceProcess, crops: Path, camera: str
) -> None:
    name = write(crops, camera, 7)
    (crops / "notes.txt").write_text("not a crop")
    done = run(crops, service.address)
    assert (done.returncode, done.stderr) == (0, "")
    [record] = stored(service, camera)
    assert record["id"] == name
    assert record["captured_at"].startswith("2026-03-01T12:00:07.5")
    assert record["mask"] == {"rgb": True, "nir": True, "tir": True}
    assert names(crops) == ["done", "failed", "notes.txt"]
    assert names(crops / "done" / name) == [f"{name}_{each}.png" for each in ("nir", "rgb", "tir")]


@pytest.mark.parametrize("through", ["gallery", "ingest"])
def test_killed_and_started_again_it_stores_every_sighting_once(
    service: ServiceProcess, crops: Path, camera: str, through: str
) -> None:
    expected = [write(crops, camera, number) for number in range(SIGHTINGS)]
    with watching(crops, service.address, "--through", through, "--patience", "900") as process:
        wait_until(lambda: len(stored(service, camera)) >= 3, "the first sightings", _SECONDS)
        # Of the others all may be done by now.
        expected.append(write(crops, camera, SIGHTINGS))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=_SECONDS)
    assert any(name.startswith(camera) for name in names(crops)), "all was done before the end"
    done = run(crops, service.address, "--through", through)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(record["id"] for record in stored(service, camera)) == sorted(expected)
    assert names(crops / "done") == sorted(expected)
    assert names(crops / "failed") == []


def test_killed_between_two_files_of_a_sighting_it_moves_the_others(
    service: ServiceProcess, crops: Path, camera: str
) -> None:
    name = write(crops, camera, 1)
    assert run(crops, service.address).returncode == 0
    done = crops / "done" / name
    (done / f"{name}_tir.png").rename(crops / f"{name}_tir.png")
    again = run(crops, service.address)
    assert again.returncode == 0
    assert "settled before" in again.stdout
    assert names(done) == [f"{name}_{each}.png" for each in ("nir", "rgb", "tir")]
    assert len(stored(service, camera)) == 1


def test_what_was_stored_but_not_moved_is_not_stored_again(
    service: ServiceProcess, crops: Path, camera: str
) -> None:
    name = write(crops, camera, 1)
    assert run(crops, service.address).returncode == 0
    for path in (crops / "done" / name).iterdir():
        path.rename(crops / path.name)
    (crops / "done" / name).rmdir()
    again = run(crops, service.address)
    assert again.stdout == f"{name}: stored\n"
    assert len(stored(service, camera)) == 1


@pytest.mark.parametrize("through", ["gallery", "ingest"])
def test_what_is_no_picture_is_set_aside_with_the_reason_and_stops_nothing(
    service: ServiceProcess, crops: Path, camera: str, through: str
) -> None:
    good, bad = write(crops, camera, 1), write(crops, camera, 2)
    (crops / f"{bad}_nir.png").write_bytes(b"not a picture")
    done = run(crops, service.address, "--through", through)
    assert done.returncode == 0
    assert [record["id"] for record in stored(service, camera)] == [good]
    reason = json.loads((crops / "failed" / bad / "problem.json").read_text())
    assert reason["sighting"] == bad
    assert "nir" in reason["problem"]
    assert f"{bad}_rgb.png" in names(crops / "failed" / bad)


@pytest.mark.parametrize("through", ["gallery", "ingest"])
def test_a_failed_sighting_is_mended_moved_back_and_stored(
    service: ServiceProcess, crops: Path, camera: str, through: str
) -> None:
    name = write(crops, camera, 1)
    whole = (crops / f"{name}_nir.png").read_bytes()
    (crops / f"{name}_nir.png").write_bytes(whole[: len(whole) // 2])
    assert run(crops, service.address, "--through", through).returncode == 0
    move_back(crops, name)
    again = run(crops, service.address, "--through", through)
    assert again.stdout.startswith(f"{name}: failed: ")
    (crops / "failed" / name / f"{name}_nir.png").write_bytes(whole)
    move_back(crops, name)
    mended = run(crops, service.address, "--through", through)
    assert mended.stdout == f"{name}: stored\n"
    [record] = stored(service, camera)
    assert record["mask"] == {"rgb": True, "nir": True, "tir": True}
    assert names(crops / "done") == [name]
    assert names(crops / "failed") == []


def test_what_is_left_of_a_failed_sighting_is_not_taken_for_another(
    service: ServiceProcess, crops: Path, camera: str
) -> None:
    name = write(crops, camera, 1, (Modality.RGB, Modality.TIR))
    (crops / f"{name}_rgb.png").write_bytes(b"not a picture")
    assert run(crops, service.address).returncode == 0
    failed = crops / "failed"
    # As it is when the program is killed between two files.
    (failed / name / f"{name}_tir.png").rename(crops / f"{name}_tir.png")
    (failed / f"{name}.moving").write_text(f"{name}_rgb.png\n{name}_tir.png\n")
    write(crops, camera, 1, (Modality.NIR,))
    again = run(crops, service.address)
    assert (again.returncode, again.stderr) == (0, "")
    assert stored(service, camera) == []
    assert names(failed) == [name]
    kept = [f"{name}_{each}.png" for each in ("nir", "rgb", "tir")]
    assert names(failed / name) == [*kept, "problem.json"]


@pytest.mark.parametrize("through", ["gallery", "ingest"])
def test_a_modality_that_comes_between_acceptance_and_a_restart_fails_nothing(
    service: ServiceProcess, crops: Path, camera: str, through: str
) -> None:
    name = write(crops, camera, 1, (Modality.RGB, Modality.TIR))
    assert run(crops, service.address, "--through", through).returncode == 0
    for path in (crops / "done" / name).iterdir():
        path.rename(crops / path.name)
    (crops / "done" / name).rmdir()
    write(crops, camera, 1, (Modality.NIR,))
    again = run(crops, service.address, "--through", through)
    assert again.stdout == f"{name}: stored\n"
    assert names(crops / "done" / name) == [f"{name}_{each}.png" for each in ("nir", "rgb", "tir")]
    assert names(crops / "failed") == []
    assert [record["mask"]["nir"] for record in stored(service, camera)] == [False]


@pytest.mark.parametrize("through", ["gallery", "ingest"])
def test_a_file_that_cannot_be_read_keeps_its_own_sighting_and_no_other(
    service: ServiceProcess, crops: Path, camera: str, through: str
) -> None:
    folder, link, good = (write(crops, camera, number) for number in (1, 2, 3))
    unreadable = [crops / f"{folder}_tir.png", crops / f"{link}_rgb.png"]
    whole = [path.read_bytes() for path in unreadable]
    for path in unreadable:
        path.unlink()
    unreadable[0].mkdir()
    unreadable[1].symlink_to(crops / "nothing")
    done = run(crops, service.address, "--through", through)
    assert done.returncode == 1
    assert [record["id"] for record in stored(service, camera)] == [good]
    assert [done.stderr.count(f"{name}: waits") for name in (folder, link)] == [1, 1]
    assert names(crops / "failed") == []
    unreadable[0].rmdir()
    unreadable[1].unlink()
    for path, data in zip(unreadable, whole, strict=True):
        path.write_bytes(data)
    assert run(crops, service.address, "--through", through).returncode == 0
    assert names(crops / "done") == [folder, link, good]
    assert [record["mask"]["rgb"] for record in stored(service, camera)] == [True] * 3


def test_with_a_marker_nobody_waits_for_other_modalities(
    service: ServiceProcess, crops: Path, camera: str
) -> None:
    name = write(crops, camera, 1, (Modality.RGB,))
    (crops / f"{name}.done").touch()
    assert run(crops, service.address, "--settle", "900", "--patience", "900").returncode == 0
    [record] = stored(service, camera)
    assert record["mask"] == {"rgb": True, "nir": False, "tir": False}
    assert names(crops / "done" / name) == [f"{name}.done", f"{name}_rgb.png"]


def test_it_waits_for_a_missing_modality_and_sends_when_it_comes(
    service: ServiceProcess, crops: Path, camera: str
) -> None:
    late = write(crops, camera, 1, (Modality.RGB, Modality.TIR))
    whole = write(crops, camera, 2)
    with watching(crops, service.address, "--patience", "900"):
        wait_until(
            lambda: (crops / "done" / whole).is_dir(), "the sighting that is whole", _SECONDS
        )
        assert not (crops / "done" / late).exists()
        write(crops, camera, 1, (Modality.NIR,))
        wait_until(lambda: (crops / "done" / late).is_dir(), "the sighting that was late", _SECONDS)
    assert [record["mask"]["nir"] for record in stored(service, camera)] == [True, True]


def test_a_service_that_is_away_is_waited_for(bundle: Bundle, crops: Path, tmp_path: Path) -> None:
    name = write(crops, "north", 1)
    with serving(bundle.path, tmp_path / "gallery") as service:
        port = service.address.rpartition(":")[2]
    with watching(crops, f"http://127.0.0.1:{port}") as process:
        with serving(bundle.path, tmp_path / "gallery", "--port", port) as service:
            wait_until(lambda: (crops / "done" / name).is_dir(), "the service", _SECONDS)
            assert len(stored(service, "north")) == 1
        process.terminate()
        assert process.wait(timeout=_SECONDS) == 0


def test_a_key_that_may_not_enrol_ends_it_and_nothing_is_moved(
    bundle: Bundle, crops: Path, tmp_path: Path
) -> None:
    name = write(crops, "north", 1)
    keys = tmp_path / "keys.json"
    assert vreid("keys", "create", "eye", "--role", "search", "--keys", keys).returncode == 0
    settings = {"VREID_ACCESS__KEYS": str(keys)}
    with serving(bundle.path, tmp_path / "gallery", environment=settings) as service:
        refused = run(crops, service.address)
    assert refused.returncode == os.EX_CONFIG
    assert "API key" in refused.stderr
    assert f"{name}_rgb.png" in names(crops)
