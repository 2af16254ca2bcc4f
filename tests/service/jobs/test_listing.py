"""What is read of a gallery's jobs, whatever lies in their folder."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.jobs.job import FOLDER, KEPT, Job
from service.jobs.listing import jobs_of, remove_old
from service.jobs.locking import hold, lock_path

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_job(number: int = 0, **members: object) -> Job:
    """The job that began `number` seconds after the first."""
    began = BEGAN + timedelta(seconds=number)
    return Job.model_validate(
        {
            "id": f"{began:%Y%m%dT%H%M%S%f}Z-{number:08x}",
            "kind": "index",
            "source": "archive",
            "state": "finished",
            "started_at": began,
            "updated_at": began,
            **members,
        }
    )


def write(directory: Path, job: Job) -> Path:
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{job.id}.json"
    path.write_text(job.model_dump_json())
    return path


def test_a_gallery_without_jobs_has_none(tmp_path: Path) -> None:
    assert jobs_of(tmp_path) == []
    assert jobs_of(tmp_path / "not there") == []


def test_jobs_come_newest_first_and_no_more_than_are_kept(tmp_path: Path) -> None:
    jobs = [a_job(number) for number in range(KEPT + 5)]
    for job in jobs:
        write(tmp_path, job)
    assert jobs_of(tmp_path) == jobs[::-1][:KEPT]


def test_a_job_whose_process_is_there_runs_and_one_whose_process_is_gone_is_lost(
    tmp_path: Path,
) -> None:
    job = a_job(state="running", per_second=3.0)
    write(tmp_path, job)
    held = hold(lock_path(tmp_path / FOLDER, job.id))
    assert jobs_of(tmp_path) == [job]
    # As the kernel does for a process that ends.
    os.close(held)
    [found] = jobs_of(tmp_path)
    assert (found.state, found.per_second) == ("lost", None)


DAMAGED = {
    "empty": b"",
    "torn": a_job().model_dump_json().encode()[:40],
    "no JSON": b"\xff\xfe\x00",
    "no object": b"[1, 2]",
    "of another version": a_job().model_dump_json().replace('"version":1', '"version":2').encode(),
    "of another job": a_job(7).model_dump_json().encode(),
    "without a time zone": a_job().model_dump_json().replace(":00Z", ":00").encode(),
    "of a number without end": a_job(per_second=1)
    .model_dump_json()
    .replace("1.0", "1e999")
    .encode(),
    "below nothing": a_job().model_dump_json().replace('"done":0', '"done":-1').encode(),
    "of an unknown state": a_job().model_dump_json().replace("finished", "gone").encode(),
    "huge": b'{"source": "' + b"a" * (1 << 20),
    "deep": b"[" * 50_000,
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_file_that_is_no_job_is_left_out(tmp_path: Path, damage: str) -> None:
    good = a_job(1)
    write(tmp_path, good)
    write(tmp_path, a_job()).write_bytes(DAMAGED[damage])
    assert jobs_of(tmp_path) == [good]


def test_what_is_no_ordinary_file_is_left_out_and_not_waited_for(tmp_path: Path) -> None:
    good = a_job(1)
    path = write(tmp_path, good)
    os.mkfifo(path.with_name(f"{a_job(2).id}.json"))
    path.with_name(f"{a_job(3).id}.json").mkdir()
    path.with_name(f"{a_job(4).id}.json").symlink_to(path)
    path.with_name("notes.json").write_text(good.model_dump_json())
    assert jobs_of(tmp_path) == [good]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_content_is_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    directory = tmp_path_factory.mktemp("gallery")
    write(directory, a_job()).write_bytes(content)
    assert jobs_of(directory) == []


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*Job.model_fields, "more"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    )
)
def test_what_is_read_can_be_answered(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, object]
) -> None:
    directory = tmp_path_factory.mktemp("gallery")
    document = {**json.loads(a_job().model_dump_json()), **members}
    write(directory, a_job()).write_text(json.dumps(document))
    for job in jobs_of(directory):
        json.loads(job.model_dump_json())
        assert job.done >= 0


def test_old_jobs_are_removed_with_all_their_files_and_running_ones_stay(tmp_path: Path) -> None:
    jobs = [a_job(number) for number in range(KEPT + 3)]
    for job in jobs:
        path = write(tmp_path, job)
        path.with_suffix(".part").write_text("")
        path.with_suffix(".lock").write_text("")
    held = hold(lock_path(tmp_path / FOLDER, jobs[1].id))
    try:
        remove_old(tmp_path / FOLDER)
    finally:
        os.close(held)
    left = {path.name.partition(".")[0] for path in (tmp_path / FOLDER).iterdir()}
    assert left == {job.id for job in (jobs[1], *jobs[3:])}
