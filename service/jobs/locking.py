"""The lock by which others see that a job's process lives.

The kernel lets go of it however that process ends, also in another container of the same machine.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock_path(folder: Path, job_id: str) -> Path:
    """Return the file that the job holds a lock on while it runs."""
    return folder / f"{job_id}.lock"


def hold(path: Path) -> int:
    """Take the lock and return the descriptor to close at the end. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock; where nobody can say, one does."""
    try:
        # Whatever lies there, opening it must not wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
