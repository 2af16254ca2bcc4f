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


class Workers:
    """At most `running` calls run and at most `pending` requests are held, running or waiting.

    A request is admitted before its body is read, so `pending` also bounds the memory of bodies.
    """

    def __init__(self, running: int, pending: int) -> None:
        self._limiter = anyio.CapacityLimiter(running)
        self._pending = pending
        self._held = 0

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
