"""The threads in which requests are read, answered and stored, away from the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

from service.errors import GalleryLocked
from service.threads.named_threads import NamedThreads

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# The gallery stores what comes at the same moment in one transaction.
WRITES_TOGETHER = 8


class Workers:
    """`size` threads that read bodies and decode images, and as many that search and answer.

    Whoever answers never waits behind images that others send, so that what was embedded leaves
    the memory first. Writes to the gallery have threads of their own too: while they wait for
    another process's lock, embedding and searching go on.
    """

    def __init__(self, size: int, write_patience: float = 3.0) -> None:
        self.decoding = NamedThreads("decode", size)
        self.answering = NamedThreads("answer", size)
        self._write_limiter = anyio.CapacityLimiter(WRITES_TOGETHER)
        self._write_turn = anyio.Semaphore(WRITES_TOGETHER)
        self._write_patience = write_patience

    def start(self) -> None:
        """Begin to work."""
        self.decoding.start()
        self.answering.start()

    def close(self, timeout: float | None = None) -> None:
        """Finish what was handed over before, and end the threads.

        Args:
            timeout: seconds after which threads that still work are left to themselves.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self.decoding.close(timeout)
        self.answering.close(None if deadline is None else max(0.0, deadline - time.monotonic()))

    async def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run `function`, which needs no lane, in a thread and return its result."""
        return await self.answering.run(function, *args, **kwargs)

    async def write(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run `function`, which writes to the gallery, in a thread for writes.

        Raises:
            GalleryLocked: the writes before it took longer than `write_patience` seconds.
        """
        try:
            with anyio.fail_after(self._write_patience):
                await self._write_turn.acquire()
        except TimeoutError:
            raise GalleryLocked(
                "other writes to the gallery have to finish first; try again in a second"
            ) from None
        try:
            return await anyio.to_thread.run_sync(
                lambda: function(*args, **kwargs), limiter=self._write_limiter
            )
        finally:
            self._write_turn.release()
