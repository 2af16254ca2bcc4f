"""Between the order to stop and the end: what was begun is finished, nothing new is taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.02


class Draining:
    """Counts the requests inside, and says when there are to be no more.

    `begin` may be called from a signal handler; the rest belongs to the event loop.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._inside = 0

    @property
    def has_begun(self) -> bool:
        """Whether new requests are refused."""
        return self._began is not None

    @property
    def inside(self) -> int:
        """Requests that are being answered."""
        return self._inside

    def begin(self) -> None:
        """Take nothing new from now on."""
        if self._began is None:
            self._began = time.monotonic()

    def deadline(self, seconds: float) -> float:
        """Return the moment of `time.monotonic()` so many seconds after the beginning, or now."""
        return (time.monotonic() if self._began is None else self._began) + seconds

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one request for the length of the block."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def wait(self, is_enough: Callable[[], bool]) -> None:
        """Return when nothing is inside, or as soon as it is enough."""
        while self._inside and not is_enough():
            await asyncio.sleep(_LOOK_SECONDS)
