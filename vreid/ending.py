"""How a command's process ends."""

import atexit
import os
import sys
from typing import NoReturn

_skips_teardown = False


def skip_teardown() -> None:
    """Let this process end as soon as Python has said goodbye, before its libraries tear down.

    Torch's threads of communication between processes abort the process now and then when they
    are still there while the library's static objects go, and its exit status is lost.
    """
    global _skips_teardown
    _skips_teardown = True


def leave(status: int) -> NoReturn:
    """End the process with an exit status."""
    if not _skips_teardown:
        sys.exit(status)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
