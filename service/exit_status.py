"""Exit statuses of the commands, besides 0 and 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from service.log_setup import say

INTERRUPTED = 130
"""Ended by Ctrl-C, as shells report it."""


@contextmanager
def resumable() -> Iterator[None]:
    """End a job that is interrupted with a sentence on how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted: finished batches are stored; run the same command again to go on")
        sys.exit(INTERRUPTED)
