"""A real disk that gets full: typed errors, one line in the log, and nothing lost.

The small disk is a tmpfs in a mount namespace. Where the system does not allow one, this fails and
says so: it cannot be tested otherwise.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.mount_namespace import own_mounts

_ON_A_SMALL_DISK = (
    'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'  # size, directory, command
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program reports that fills its disk."""
    directory = tmp_path_factory.mktemp("small-disk")
    script = "tests.service.gallery.full_disk_process"
    mounted = [*own_mounts(), "sh", "-c", _ON_A_SMALL_DISK, "sh"]
    program = [sys.executable, "-m", script, str(directory)]
    finished = subprocess.run(
        [*mounted, "3m", str(directory), *program],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )
    assert finished.returncode == 0, (
        "a file system of 3 MB is needed (unshare --mount --map-root-user, then mount -t tmpfs); "
        f"{finished.stderr}"
    )
    answer: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return answer


def ids(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


def test_what_cannot_be_sealed_stays_in_memory_and_is_found(report: dict[str, Any]) -> None:
    assert all("nothing is lost" in each for each in report["sealing on a full disk"])
    assert report["sealed rows while full"] == 0
    assert report["found while full"] == ids(40)
    assert report["left over"] == []


def test_it_is_logged_once_and_not_with_every_try(report: dict[str, Any]) -> None:
    (line,) = report["logged"]
    assert "cannot be written (No space left on device)" in line


def test_a_later_try_succeeds(report: dict[str, Any]) -> None:
    assert report["sealing afterwards"] == "sealed"
    assert report["segments after all"] > 0


def test_enrolling_is_refused_and_what_was_acknowledged_is_there(report: dict[str, Any]) -> None:
    assert report["enrolling on a full disk"] == "GalleryUnwritable"
    assert report["there"] == ids(report["acknowledged"])


def test_a_delete_leaves_nothing_or_is_refused(report: dict[str, Any]) -> None:
    assert report["deleting on a full disk"] in ("deleted", "GalleryUnwritable")
    assert not report["left when it was deleted"]
    assert not report["left in the end"]


def test_the_next_start_finds_everything(report: dict[str, Any]) -> None:
    assert report["problems at the next start"] == []
    kept = [each for each in ids(report["acknowledged"]) if each != "r7"]
    assert report["found at the next start"] == [*kept, "r400"]
