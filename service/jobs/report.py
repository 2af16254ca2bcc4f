"""A job's side: it tells how far it is, at most once a second, and never fails because of that."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from service.jobs.job import FOLDER, Job, JobKind, JobState, printable
from service.jobs.listing import job_path, remove_old
from service.jobs.locking import hold, lock_path

_INTERVAL = 1.0
_LATELY = 30.0
"""Seconds over which the speed is taken while the job runs."""

logger = logging.getLogger(__name__)


class JobReport:
    """Writes the file of one job; belongs to one thread.

    What cannot be written, to a full disk or a directory of somebody else, is logged once and tried
    again with the next report: the job goes on.
    """

    def __init__(self, directory: Path | None, kind: JobKind, source: str) -> None:
        """Begin to tell about a job on the gallery in `directory`; None tells nobody."""
        now = datetime.now(UTC)
        self._folder = None if directory is None else directory / FOLDER
        self._job = Job(
            id=f"{now:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(4)}",
            kind=kind,
            source=printable(source),
            state="running",
            started_at=now,
            updated_at=now,
        )
        self._lock: int | None = None
        self._is_warned = False
        self._began = time.monotonic()
        self._written: float | None = None
        self._lately: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._write()

    @property
    def job(self) -> Job:
        """The job as far as it has come."""
        return self._job

    def expect(self, total: int) -> None:
        """Say of how many samples or records the job is."""
        self._job = self._job.model_copy(update={"total": total})
        self._write_now_and_then()

    def advance(
        self, *, indexed: int = 0, updated: int = 0, skipped: int = 0, rejected: int = 0
    ) -> None:
        """Say how many more were handled, and what became of them."""
        job = self._job
        self._job = job.model_copy(
            update={
                "done": job.done + indexed + updated + skipped + rejected,
                "indexed": job.indexed + indexed,
                "updated": job.updated + updated,
                "skipped": job.skipped + skipped,
                "rejected": job.rejected + rejected,
            }
        )
        self._write_now_and_then()

    def end(self, state: JobState, reason: str | None = None) -> None:
        """Say how the job ended; the last word."""
        told = None if reason is None else printable(reason)
        self._job = self._job.model_copy(update={"state": state, "reason": told})
        self._write(over_all=True)
        if self._lock is not None and self._folder is not None:
            lock, self._lock = self._lock, None
            # The last word is there before the lock is gone: see `listing`.
            with suppress(OSError):
                lock_path(self._folder, self._job.id).unlink(missing_ok=True)
            os.close(lock)

    def _write_now_and_then(self) -> None:
        if self._written is None or time.monotonic() - self._written >= _INTERVAL:
            self._write()

    def _write(self, over_all: bool = False) -> None:
        if self._folder is None:
            return
        now = time.monotonic()
        self._written = now
        self._job = self._job.model_copy(
            update={
                "updated_at": datetime.now(UTC),
                "per_second": self._mean(now) if over_all else self._speed(now),
            }
        )
        try:
            self._replace_file(self._folder)
        except OSError as error:
            if not self._is_warned:
                self._is_warned = True
                logger.warning(
                    "%s cannot be written (%s), so the console does not show how far this job is; "
                    "the job goes on",
                    self._folder,
                    error.strerror or error,
                )

    def _replace_file(self, folder: Path) -> None:
        if self._lock is None:
            folder.mkdir(exist_ok=True)
            self._lock = hold(lock_path(folder, self._job.id))
            remove_old(folder)
        path = job_path(folder, self._job.id)
        part = path.with_suffix(".part")
        try:
            part.write_text(self._job.model_dump_json(), encoding="utf-8")
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    def _mean(self, now: float) -> float | None:
        seconds = now - self._began
        return self._job.done / seconds if seconds > 0 and self._job.done else None

    def _speed(self, now: float) -> float | None:
        self._lately.append((now, self._job.done))
        while now - self._lately[0][0] > _LATELY and len(self._lately) > 2:
            self._lately.popleft()
        seconds, done = now - self._lately[0][0], self._job.done - self._lately[0][1]
        return done / seconds if seconds >= _INTERVAL else None


@contextmanager
def reported_job(directory: Path | None, kind: JobKind, source: str) -> Iterator[JobReport]:
    """Tell about a job for the length of the block, and how it ended.

    Args:
        directory: of the gallery; None, as for one in Milvus, tells nobody.
        kind: what the job does.
        source: what it takes its samples from, as its user named it.
    """
    report = JobReport(directory, kind, source)
    try:
        yield report
    except KeyboardInterrupt:
        report.end("interrupted", "it was interrupted; run the same command again to go on")
        raise
    except BaseException as error:
        report.end("interrupted", str(error) or type(error).__name__)
        raise
    else:
        report.end("finished")
