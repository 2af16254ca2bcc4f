"""A bound on what images that are being decoded at the same moment take of the memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

BYTES_PER_PIXEL = 16
"""That decoding takes at its peak: the decoder's own pixels, their copies, and what is made of
them."""

DEFAULT_BUDGET = 256 * 2**20
"""Bytes: three images of 5 million pixels together, or one of any size alone."""


class DecodingBudget:
    """Lets images be decoded together while their pixels fit; one that never fits, alone."""

    def __init__(self, bytes_at_once: int = DEFAULT_BUDGET) -> None:
        self._most = bytes_at_once
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait until an image of so many pixels has room, and keep it for the block."""
        needed = pixels * BYTES_PER_PIXEL
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + needed <= self._most)
            self._taken += needed
        try:
            yield
        finally:
            with self._changed:
                self._taken -= needed
                self._changed.notify_all()
