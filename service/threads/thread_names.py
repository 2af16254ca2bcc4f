"""Gives threads names that the system shows: in `top -H`, in /proc, and in `vreid bench`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_LONGEST = 15
_OWN_NAME = Path("/proc/thread-self/comm")


def name_this_thread(name: str) -> None:
    """Tell the system what the calling thread is for; at most 15 bytes are kept.

    Python tells its threads' names to nobody before 3.14. Where there is no /proc, nothing happens.
    """
    with suppress(OSError):
        _OWN_NAME.write_bytes(name.encode()[:_LONGEST])
