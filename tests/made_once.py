"""Folders that one of the processes of a test run makes, and all of them read."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` filled, here or in another process of this run.

    Others wait while one makes it; where that failed, the next one tries again. Nobody writes into
    the folder afterwards.
    """
    base = factory.getbasetemp()
    # Each process of pytest-xdist has a folder of its own in the run's.
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, whole = run / name, run / f"{name}.whole"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
