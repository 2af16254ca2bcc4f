"""A job's own account of itself, as others read it."""

import logging
import os
from pathlib import Path

import pytest

from service.jobs.job import FOLDER, KEPT, Job
from service.jobs.listing import jobs_of
from service.jobs.report import JobReport, reported_job


def only(directory: Path) -> Job:
    [job] = jobs_of(directory)
    return job


def test_a_job_is_there_from_its_beginning_and_says_how_it_ended(tmp_path: Path) -> None:
    with reported_job(tmp_path, "index", "archive/2026") as report:
        begun = only(tmp_path)
        assert (begun.state, begun.kind, begun.source) == ("running", "index", "archive/2026")
        assert (begun.done, begun.total, begun.per_second) == (0, None, None)
        report.expect(6)
        report.advance(indexed=3, skipped=1)
        report.advance(updated=1, rejected=1)
    ended = only(tmp_path)
    assert (ended.state, ended.done, ended.total) == ("finished", 6, 6)
    assert (ended.indexed, ended.updated, ended.skipped, ended.rejected) == (3, 1, 1, 1)
    assert ended.per_second is not None
    assert ended.per_second > 0
    assert ended.started_at <= begun.updated_at <= ended.updated_at
    assert ended.reason is None


def test_nothing_but_its_file_is_left_of_a_job_that_ended(tmp_path: Path) -> None:
    with reported_job(tmp_path, "import", "a.npz"):
        pass
    assert [path.suffix for path in (tmp_path / FOLDER).iterdir()] == [".json"]


def test_it_writes_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("service.jobs.report.time.monotonic", lambda: clock[0])
    report = JobReport(tmp_path, "index", "archive")
    report.advance(indexed=1)
    assert only(tmp_path).done == 0
    clock[0] += 1
    report.advance(indexed=1)
    assert (only(tmp_path).done, only(tmp_path).per_second) == (2, 2.0)
    report.advance(indexed=5)
    report.end("finished")
    assert only(tmp_path).done == 7


def test_speed_is_that_of_lately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("service.jobs.report.time.monotonic", lambda: clock[0])
    report = JobReport(tmp_path, "index", "archive")
    for second in range(200):
        clock[0] += 1
        report.advance(indexed=100 if second < 100 else 10)
    assert only(tmp_path).per_second == pytest.approx(10)
    report.end("finished")
    assert only(tmp_path).per_second == pytest.approx(11_000 / 200)


def test_a_job_that_fails_says_why_and_the_error_goes_on(tmp_path: Path) -> None:
    def fail() -> None:
        with reported_job(tmp_path, "reindex", "bundle") as job:
            job.advance(indexed=2)
            raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="the disk is full"):
        fail()
    failed = only(tmp_path)
    assert (failed.state, failed.reason, failed.done) == ("interrupted", "the disk is full", 2)


def test_a_job_that_is_interrupted_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), reported_job(tmp_path, "index", "archive"):
        raise KeyboardInterrupt
    assert only(tmp_path).state == "interrupted"
    assert "same command again" in str(only(tmp_path).reason)


def test_a_gallery_that_is_no_directory_gets_no_file(tmp_path: Path) -> None:
    with reported_job(None, "index", "archive") as report:
        report.advance(indexed=1)
    assert list(tmp_path.iterdir()) == []
    assert report.job.indexed == 1


def test_a_source_whose_name_is_no_text_is_told_all_the_same(tmp_path: Path) -> None:
    with reported_job(tmp_path, "index", os.fsdecode(b"caf\xe9/" + b"x" * 9000)):
        pass
    assert only(tmp_path).source.startswith("caf\\udce9/xxx")


def test_only_the_newest_jobs_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        with reported_job(tmp_path, "index", str(number)):
            pass
    assert len(list((tmp_path / FOLDER).iterdir())) == KEPT
    assert [job.source for job in jobs_of(tmp_path)] == [
        str(number) for number in range(KEPT + 2, 2, -1)
    ]


def test_a_folder_that_cannot_be_written_is_logged_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    with caplog.at_level(logging.WARNING), reported_job(tmp_path, "index", "archive") as report:
        report.advance(indexed=1)
        report.expect(1)
    [line] = caplog.messages
    assert "the job goes on" in line
    assert jobs_of(tmp_path) == []
