"""`vreid index` and `vreid gallery` as processes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from service.gallery.store.store import GalleryStore
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture
from vreid.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


def vreid(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vreid", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_commands_index_list_and_delete(tmp_path: Path, bundle: Bundle) -> None:
    source, gallery = tmp_path / "archive", tmp_path / "gallery"
    for number in range(3):
        write_picture(source / f"{number}.jpg", number)
    indexing = ("index", source, "--bundle", bundle.path, "--gallery", gallery, "--json")
    first = vreid(*indexing)
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout.splitlines()[-1])
    assert {name: answer[name] for name in ("indexed", "skipped", "rejected")} == {
        "indexed": 3,
        "skipped": 0,
        "rejected": 0,
    }
    assert answer["seconds"] > 0
    assert "samples/s" in first.stderr

    (source / "broken.jpg").write_bytes(b"\xff\xd8 but no more")
    second = vreid(*indexing, "--rejects", tmp_path / "rejects.jsonl")
    assert second.returncode == 1
    answer = json.loads(second.stdout.splitlines()[-1])
    assert (answer["indexed"], answer["skipped"], answer["rejected"]) == (0, 3, 1)
    assert str(tmp_path / "rejects.jsonl") in second.stderr
    assert json.loads((tmp_path / "rejects.jsonl").read_text())["source"] == "broken"

    facts = json.loads(vreid("gallery", "info", gallery, "--json").stdout)
    assert facts["records"] == 3
    assert facts["fingerprint"] == bundle.fingerprint
    listed = [
        json.loads(line) for line in vreid("gallery", "list", gallery, "--json").stdout.splitlines()
    ]
    assert [record["modalities"] for record in listed] == [["rgb"]] * 3
    deleted = vreid("gallery", "delete", gallery, listed[0]["id"])
    assert (deleted.returncode, deleted.stdout) == (0, "1 deleted\n")
    assert vreid("gallery", "delete", gallery, listed[0]["id"]).returncode == 1
    assert len(vreid("gallery", "list", gallery).stdout.splitlines()) == 2


def test_the_summary_counts_images_and_says_what_skipping_and_rejecting_mean(
    tmp_path: Path, bundle: Bundle
) -> None:
    source = tmp_path / "archive"
    for path, seed in (("rgb/1.png", 1), ("rgb/2.png", 2), ("rgb/copy.png", 2), ("nir/1.png", 3)):
        write_picture(source / path, seed)
    write_picture(source / "loose.png", 4)
    done = vreid("index", source, "--bundle", bundle.path, "--gallery", tmp_path / "gallery")
    assert done.returncode == 1
    assert "2 indexed, 1 skipped (already in the gallery or identical to another" in done.stdout
    assert "images: 2 RGB, 1 NIR, 0 TIR" in done.stdout
    (rejects,) = (tmp_path / "gallery").glob("rejects-*.jsonl")
    (rejected,) = map(json.loads, rejects.read_text().splitlines())
    assert rejected["source"] == "loose.png"
    assert rejected["reason"].startswith("lies outside the folders rgb, nir, tir; move it into")


def test_a_picture_taken_as_rgb_that_may_be_thermal_is_warned_of(
    tmp_path: Path, bundle: Bundle
) -> None:
    write_picture(tmp_path / "archive" / "car_thermal.png")
    done = vreid(
        *("index", tmp_path / "archive", "--bundle", bundle.path),
        *("--gallery", tmp_path / "gallery", "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert "warning: taken as RGB" in done.stderr
    assert "car_thermal.png" in done.stderr
    assert set(json.loads(done.stdout)) == {
        "indexed",
        "skipped",
        "rejected",
        "seconds",
        "rejects",
        "updated",
        "engine",
        "precision",
        "images_per_second",
    }


def test_a_gallery_is_not_made_among_pictures(tmp_path: Path, bundle: Bundle) -> None:
    write_picture(tmp_path / "archive" / "1.png")
    archive = tmp_path / "archive"
    done = vreid("index", archive, "--bundle", bundle.path, "--gallery", archive)
    assert done.returncode == 1
    assert "name another directory" in done.stderr
    assert [path.name for path in archive.iterdir()] == ["1.png"]


def test_a_gallery_is_made_beside_files_that_are_no_pictures(
    tmp_path: Path, bundle: Bundle
) -> None:
    write_picture(tmp_path / "archive" / "1.png")
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    (tmp_path / "disk" / "rejects-old.jsonl").touch()
    done = vreid(
        *("index", tmp_path / "archive", "--bundle", bundle.path, "--gallery", tmp_path / "disk")
    )
    assert done.returncode == 0, done.stderr


def test_the_help_tells_the_naming_rule_and_what_msvr310_gives() -> None:
    told = vreid("index", "--help").stdout
    assert "  NAME_rgb, NAME_nir, NAME_tir in one folder are one sample;\n" in told
    assert "bounding_box_test" in told


def test_a_failure_is_one_sentence_and_no_stack_trace(tmp_path: Path, bundle: Bundle) -> None:
    failed = vreid("index", tmp_path / "no", "--bundle", bundle.path, "--gallery", tmp_path / "g")
    assert failed.returncode == 1
    assert "does not exist" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stdout == ""


PICTURES = 800
"""So many that the job is still at work when the signal arrives, however late it is sent."""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_ended_halfway_is_resumed(
    tmp_path: Path, bundle: Bundle, ending: signal.Signals
) -> None:
    source, gallery = tmp_path / "archive", tmp_path / "gallery"
    for number in range(PICTURES):
        write_picture(source / f"{number:03}.png", number)
    command: list[str | Path] = [
        "index",
        source,
        "--bundle",
        bundle.path,
        "--gallery",
        gallery,
        "--batch-size",
        "1",
    ]
    job = subprocess.Popen(
        [sys.executable, "-m", "vreid", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    stored = _wait_for_records(gallery, 5)
    os.kill(job.pid, ending)
    _, complaint = job.communicate(timeout=60)
    if ending is signal.SIGINT:
        assert job.returncode == 130
        assert "run the same command again" in complaint
        assert "Traceback" not in complaint
    again = vreid(*command, "--json")
    assert again.returncode == 0, again.stderr
    answer = json.loads(again.stdout.splitlines()[-1])
    assert answer["indexed"] + answer["skipped"] == PICTURES
    assert answer["skipped"] >= stored
    store = GalleryStore.open_existing(gallery)
    assert store.count() == PICTURES
    store.close()


def _wait_for_records(gallery: Path, wanted: int) -> int:
    """Reads only: opening the store would take part in making it."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with suppress(sqlite3.OperationalError):
            uri = f"file:{gallery / 'gallery.sqlite3'}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                count = int(connection.execute("SELECT count(*) FROM record").fetchone()[0])
            if count >= wanted:
                return count
        time.sleep(0.01)
    raise AssertionError("the job stored nothing")
