"""Work that would block the event loop, in a bounded number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

from service.request_errors import Overloaded

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# The gallery stores what comes at the same moment in one transaction.
WRITES_TOGETHER = 8


class Workers:
    """At most `running` calls run and at most `pending` requests are held, running or waiting.

    Writes to the gallery have `WRITES_TOGETHER` threads of their own and half of the places: while
    they wait for another process's lock, embedding and searching go on.
    """

    def __init__(self, running: int, pending: int, write_patience: float = 3.0) -> None:
        self._limiter = anyio.CapacityLimiter(running)
        self._write_limiter = anyio.CapacityLimiter(WRITES_TOGETHER)
        self._write_turn = anyio.Semaphore(WRITES_TOGETHER)
        self._write_patience = write_patience
        self._pending = pending
        self._pending_writes = max(1, pending // 2)
        self._held = 0
        self._held_writes = 0

    @property
    def held(self) -> int:
        """Requests admitted and not yet answered."""
        return self._held

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold one request for the length of the block.

        Raises:
            Overloaded: `pending` requests are held already.
        """
        if self._held >= self._pending:
            raise Overloaded(
                f"{self._held} requests are being answered and no more are held at a time; "
                "try again in a second"
            )
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    @contextmanager
    def admit_write(self) -> Iterator[None]:
        """Hold one request that writes to the gallery for the length of the block.

        Raises:
            Overloaded: `pending` requests, or half as many that write, are held already.
        """
        if self._held_writes >= self._pending_writes:
            raise Overloaded(
                f"{self._held_writes} requests are waiting to write to the gallery and no more are "
                "held at a time; try again in a second"
            )
        self._held_writes += 1
        try:
            with self.admit():
                yield
        finally:
            self._held_writes -= 1

    async def write(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run `function`, which writes to the gallery, in a thread for writes.

        Raises:
            Overloaded: the writes before it took longer than `write_patience` seconds.
        """
        try:
            with anyio.fail_after(self._write_patience):
                await self._write_turn.acquire()
        except TimeoutError:
            raise Overloaded(
                "other writes to the gallery have to finish first; try again in a second"
            ) from None
        try:
            return await anyio.to_thread.run_sync(
                lambda: function(*args, **kwargs), limiter=self._write_limiter
            )
        finally:
            self._write_turn.release()

    async def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run `function` in a worker thread and return its result."""
        return await anyio.to_thread.run_sync(
            lambda: function(*args, **kwargs), limiter=self._limiter
        )
