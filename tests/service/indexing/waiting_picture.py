"""A picture that makes its reader wait, so that a test can act while a job is at work."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 120


def make_waiting_picture(path: Path) -> Path:
    """Make a picture that whoever opens it waits for, until `while_waiting` ends."""
    os.mkfifo(path)
    return path


@contextmanager
def while_waiting(
    picture: Path, process: "subprocess.Popen[str] | subprocess.Popen[bytes]"
) -> Iterator[None]:
    """Wait until the process reads the picture; after the block it finds it empty."""
    deadline = time.monotonic() + _SECONDS
    while (gate := _opened_with_a_reader(picture)) is None:
        assert process.poll() is None, "the process ended before"
        assert time.monotonic() < deadline, "the picture was not read"
        time.sleep(0.01)
    try:
        yield
    finally:
        os.close(gate)


def _opened_with_a_reader(picture: Path) -> int | None:
    try:
        return os.open(picture, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
