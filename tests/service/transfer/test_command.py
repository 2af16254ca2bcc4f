"""`vreid gallery import` and `export` as processes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.gallery.store.store import GalleryStore
from service.transfer.importing import import_records
from tests.bundles import make_tiny_bundle
from tests.service.transfer.files import arrays, stored, write_npz
from vreid.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


def command(*arguments: str | Path) -> Sequence[str]:
    return [sys.executable, "-m", "vreid", "gallery", *map(str, arguments)]


def gallery(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=120, check=False
    )


def of_bundle(bundle: Bundle, count: int) -> dict[str, Any]:
    members = arrays(count, bundle.manifest.feature_size)
    return members | {"model": np.array(bundle.fingerprint)}


def test_the_commands_import_and_export(tmp_path: Path, bundle: Bundle) -> None:
    members = of_bundle(bundle, 5)
    members["mask"][3] = False
    file = write_npz(tmp_path / "in.npz", **members)
    importing = ("import", file, "--bundle", bundle.path, "--gallery", tmp_path / "g", "--json")
    first = gallery(*importing)
    assert first.returncode == 1
    answer = json.loads(first.stdout.splitlines()[-1])
    assert {name: answer[name] for name in ("imported", "skipped", "rejected")} == {
        "imported": 4,
        "skipped": 0,
        "rejected": 1,
    }
    (line,) = map(json.loads, Path(answer["rejects"]).read_text().splitlines())
    assert (line["row"], line["id"]) == (3, "r3")
    assert "rejected rows and the reasons" in first.stderr

    exporting = ("export", tmp_path / "out.parquet", "--gallery", tmp_path / "g", "--json")
    exported = gallery(*exporting)
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout.splitlines()[-1])["exported"] == 4
    assert "thumbnails and kept images are not in it" in exported.stderr
    assert gallery(*exporting).returncode == 1

    copy = tmp_path / "copy"
    again = gallery(
        *("import", tmp_path / "out.parquet", "--bundle", bundle.path, "--gallery", copy, "--json")
    )
    assert again.returncode == 0, again.stderr
    assert set(json.loads(again.stdout.splitlines()[-1])) == {
        "imported",
        "skipped",
        "known_content",
        "rejected",
        "seconds",
        "rejects",
    }
    assert stored(copy) == stored(tmp_path / "g")


def test_features_of_another_model_are_one_sentence_and_no_stack_trace(
    tmp_path: Path, bundle: Bundle
) -> None:
    members = of_bundle(bundle, 2) | {"model": np.array("sha256:" + "c" * 64)}
    file = write_npz(tmp_path / "in.npz", **members)
    failed = gallery("import", file, "--bundle", bundle.path, "--gallery", tmp_path / "g")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "features of two models cannot be compared" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_processes_that_import_one_file_at_the_same_time_store_each_record_once(
    tmp_path: Path, bundle: Bundle
) -> None:
    file = write_npz(tmp_path / "in.npz", **of_bundle(bundle, 600))
    importing = ("import", file, "--bundle", bundle.path, "--gallery", tmp_path / "g", "--json")
    jobs = [
        subprocess.Popen(
            command(*importing, "--batch", batch),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for batch in ("3", "5")
    ]
    answers = []
    for job in jobs:
        answer, complaint = job.communicate(timeout=120)
        assert job.returncode == 0, complaint
        answers.append(json.loads(answer.splitlines()[-1]))
    assert sum(each["imported"] for each in answers) == 600
    assert sum(each["skipped"] for each in answers) == 600
    assert sorted(each["id"] for each in stored(tmp_path / "g")) == sorted(
        f"r{number}" for number in range(600)
    )


RECORDS = 6000
"""So many that the import is still at work when the signal arrives, however late it is sent."""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_was_ended_halfway_is_resumed(
    tmp_path: Path, bundle: Bundle, ending: signal.Signals
) -> None:
    file = write_npz(tmp_path / "in.npz", **of_bundle(bundle, RECORDS))
    importing = ("import", file, "--bundle", bundle.path, "--gallery", tmp_path / "g", "--json")
    job = subprocess.Popen(
        command(*importing, "--batch", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    seen = _wait_for_records(job, tmp_path / "g", 20)
    os.kill(job.pid, ending)
    _, complaint = job.communicate(timeout=60)
    assert job.returncode == (130 if ending is signal.SIGINT else -signal.SIGKILL), complaint
    assert "Traceback" not in complaint
    store = GalleryStore.open_existing(tmp_path / "g")
    kept = store.count()
    store.close()
    assert seen <= kept < RECORDS
    again = gallery(*importing)
    assert again.returncode == 0, again.stderr
    answer = json.loads(again.stdout.splitlines()[-1])
    assert (answer["imported"], answer["skipped"]) == (RECORDS - kept, kept)
    size = bundle.manifest.feature_size
    import_records(file, bundle.fingerprint, size, tmp_path / "whole", show_progress=False)
    assert _without_times(tmp_path / "g") == _without_times(tmp_path / "whole")


def _without_times(directory: Path) -> list[dict[str, Any]]:
    return [each | {"created_at": None} for each in stored(directory)]


def _wait_for_records(job: subprocess.Popen[str], directory: Path, wanted: int) -> int:
    """Reads only: opening the store would take part in making it."""
    deadline = time.monotonic() + 240
    while job.poll() is None and time.monotonic() < deadline:
        with suppress(sqlite3.OperationalError):
            uri = f"file:{directory / 'gallery.sqlite3'}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                count = int(connection.execute("SELECT count(*) FROM record").fetchone()[0])
            if count >= wanted:
                return count
        time.sleep(0.01)
    job.kill()
    raise AssertionError(f"the import is not at work: {job.communicate(timeout=60)[1]}")
