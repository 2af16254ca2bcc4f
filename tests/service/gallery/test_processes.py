"""What real processes do to a gallery: die while adding, and add at the same time."""

import subprocess
import sys
import threading
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from service.gallery.record import Record
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from vreid.modality import Modality


def start_adding(
    directory: Path, prefix: str, count: int, threads: int = 1
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.service.gallery.adding_process",
            str(directory),
            prefix,
            str(count),
            str(threads),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("attempt", range(3))
def test_kill_9_loses_no_acknowledged_record_and_leaves_none_half_there(
    tmp_path: Path, attempt: int
) -> None:
    process = start_adding(tmp_path, "k", 100_000)
    acknowledged: list[str] = []

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):
                acknowledged.extend(line.split())

    listener = threading.Thread(target=listen)
    listener.start()
    while len(acknowledged) < 20:
        assert process.poll() is None
        sleep(0.001)
    sleep(0.0137 * attempt)
    process.kill()
    process.wait()
    listener.join()
    assert process.stdout is not None
    process.stdout.close()

    store = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)
    records = [each for each in store.records_after(0, 1_000_000) if isinstance(each, Record)]
    present = [record.id for record in records]
    assert set(acknowledged) <= set(present)
    # At most one batch was committed but not yet told.
    assert len(present) - len(acknowledged) in (0, 2)
    for record in records:
        number = int(record.id.split("-")[1])
        assert np.array_equal(record.features, new_record(number).features)
        assert store.thumbnail(record.id, Modality.RGB) == b"jpeg" * 500
        assert f"k-{number}-{'b' if record.id.endswith('a') else 'a'}" in present
    assert store.last_sequence() == len(present)
    store.add([new_record(id="afterwards")])
    store.close()


def test_kill_9_in_a_shared_commit_loses_nothing_that_any_thread_was_told(tmp_path: Path) -> None:
    process = start_adding(tmp_path, "k", 100_000, threads=6)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(25)]
    process.kill()
    lines += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    acknowledged = {each for line in lines if line.endswith("\n") for each in line.split()}
    store = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)
    present = {each.id for each in store.records_after(0, 1_000_000)}
    assert acknowledged <= present
    assert {record_id[:-1] for record_id in present if record_id.endswith("a")} == {
        record_id[:-1] for record_id in present if record_id.endswith("b")
    }
    store.close()


def test_two_processes_add_to_one_gallery(tmp_path: Path) -> None:
    processes = [start_adding(tmp_path, prefix, 40) for prefix in ("x", "y")]
    for process in processes:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert len(output.split()) == 80
    store = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)
    assert store.count() == 160
    changes = store.changes_since(0)
    assert [change.sequence for change in changes] == list(range(1, 161))
    assert {change.record.id for change in changes if change.record} == {
        f"{prefix}-{number}-{part}" for prefix in "xy" for number in range(40) for part in "ab"
    }
    store.close()
