"""Exit statuses of the commands, besides 0 and 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

INTERRUPTED = 130
"""Ended by Ctrl-C, as shells report it."""


@contextmanager
def resumable() -> Iterator[None]:
    """End a job that is interrupted with a sentence on how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            "interrupted: finished batches are stored; run the same command again to go on",
            err=True,
        )
        sys.exit(INTERRUPTED)
