"""The jobs of a gallery, read from their files, and which files are too old to be kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from service.jobs.job import FOLDER, KEPT, NAME, Job
from service.jobs.locking import is_held, lock_path

_MOST_BYTES = 1 << 16
_MOST_LOOKED_AT = 5 * KEPT
_END = ".json"


def job_path(folder: Path, job_id: str) -> Path:
    """Return the file in which a job tells how far it is."""
    return folder / f"{job_id}{_END}"


def jobs_of(directory: Path) -> list[Job]:
    """Return the newest jobs of the gallery in `directory`, newest first.

    A file that is damaged, of another version or no file at all is left out. A job that says that
    it runs, and whose process is gone, is `lost`.
    """
    folder = directory / FOLDER
    jobs: list[Job] = []
    for job_id in _names(folder)[:_MOST_LOOKED_AT]:
        job = _present_state(folder, job_id)
        if job is not None:
            jobs.append(job)
        if len(jobs) == KEPT:
            break
    return jobs


def remove_old(folder: Path) -> None:
    """Remove the files of all but the newest jobs, and keep those of jobs that run.

    Raises OSError.
    """
    for job_id in _names(folder)[KEPT:]:
        if is_held(lock_path(folder, job_id)):
            continue
        for path in _files_of(folder, job_id):
            path.unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    """The ids of all jobs that have a file of any kind, newest first."""
    names: set[str] = set()
    with suppress(OSError):
        names = {each.partition(".")[0] for each in os.listdir(folder)}
    return sorted(filter(NAME.fullmatch, names), reverse=True)


def _files_of(folder: Path, job_id: str) -> Iterator[Path]:
    return folder.glob(f"{job_id}.*")


def _present_state(folder: Path, job_id: str) -> Job | None:
    job = _read(folder, job_id)
    if job is None or job.state != "running" or is_held(lock_path(folder, job_id)):
        return job
    # It may have ended between the two looks: it lets go of the lock after its last word.
    job = _read(folder, job_id)
    if job is None or job.state != "running":
        return job
    return job.model_copy(update={"state": "lost", "per_second": None})


def _read(folder: Path, job_id: str) -> Job | None:
    try:
        job = Job.model_validate_json(_bytes_of(job_path(folder, job_id)))
    except (OSError, ValidationError):
        return None
    return job if job.id == job_id else None


def _bytes_of(path: Path) -> bytes:
    """The content of a small ordinary file. Raises OSError for any other."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_BYTES:
            raise OSError(f"{path} is no job")
        return file.read(_MOST_BYTES)
