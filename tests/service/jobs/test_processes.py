"""Jobs that are processes: interrupted, killed, and where they cannot write their file."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.gallery.store.store import GalleryStore
from service.jobs.job import FOLDER
from service.jobs.listing import jobs_of
from tests.bundles import make_tiny_bundle
from tests.mount_namespace import own_mounts
from tests.service.indexing.pictures import write_picture
from tests.service.indexing.waiting_picture import make_waiting_picture, while_waiting
from vreid.bundle import Bundle

PICTURES = 6


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("archive")
    for number in range(PICTURES):
        write_picture(source / f"{number:03}.png", number)
    return source


def index(source: Path, bundle: Bundle, gallery: Path, *more: str) -> list[str]:
    places = ("index", source, "--bundle", bundle.path, "--gallery", gallery, *more)
    return [sys.executable, "-m", "vreid", *map(str, places)]


@pytest.mark.parametrize(
    ("ending", "state"), [(signal.SIGINT, "interrupted"), (signal.SIGKILL, "lost")]
)
def test_a_job_that_is_ended_halfway_does_not_seem_to_run(
    tmp_path: Path, bundle: Bundle, ending: signal.Signals, state: str
) -> None:
    gallery, source = tmp_path / "gallery", tmp_path / "archive"
    for number in range(PICTURES):
        write_picture(source / f"{number:03}.png", number)
    in_the_middle = make_waiting_picture(source / "003-waits.png")
    process = subprocess.Popen(
        index(source, bundle, gallery, "--batch-size", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with while_waiting(in_the_middle, process):
        [running] = jobs_of(gallery)
        assert (running.state, running.source) == ("running", str(source))
        os.kill(process.pid, ending)
    process.wait(timeout=60)
    [ended] = jobs_of(gallery)
    assert (ended.id, ended.state) == (running.id, state)
    assert running.done <= ended.done < PICTURES


def a_few(archive: Path) -> Path:
    manifest = archive / "few.csv"
    manifest.write_text("rgb\n" + "".join(f"{number:03}.png\n" for number in range(3)))
    return manifest


def test_a_gallery_has_its_jobs_one_after_the_other(
    tmp_path: Path, bundle: Bundle, archive: Path
) -> None:
    gallery, source = tmp_path / "gallery", a_few(archive)
    for _ in range(2):
        subprocess.run(index(source, bundle, gallery), check=True, capture_output=True)
    again, first = jobs_of(gallery)
    assert (first.state, first.done, first.indexed, first.skipped) == ("finished", 3, 3, 0)
    assert (again.state, again.done, again.indexed, again.skipped) == ("finished", 3, 0, 3)


MOUNTED = {
    "read-only": 'mount -t tmpfs -o ro tmpfs "$1" && shift && exec "$@"',
    "full": 'mount -t tmpfs -o size=4k tmpfs "$1" && head -c 4096 /dev/zero > "$1/ballast" && '
    'shift && exec "$@"',
}


@pytest.mark.parametrize("disk", MOUNTED)
def test_a_job_goes_on_where_it_can_tell_nobody(
    tmp_path: Path, bundle: Bundle, archive: Path, disk: str
) -> None:
    gallery = tmp_path / "gallery"
    folder = gallery / FOLDER
    folder.mkdir(parents=True)
    mounted = [*own_mounts(), "sh", "-c", MOUNTED[disk], "sh", str(folder)]
    done = subprocess.run(
        [*mounted, *index(a_few(archive), bundle, gallery, "--json")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["indexed"] == 3
    assert done.stderr.count("the job goes on") == 1
    store = GalleryStore.open_existing(gallery)
    assert store.count() == 3
    store.close()
