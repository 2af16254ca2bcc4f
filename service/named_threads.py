"""A fixed number of threads with a name that the system shows."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import ParamSpec, TypeVar, TypeVarTuple, Unpack

from service.thread_names import name_this_thread

Arguments = ParamSpec("Arguments")
Positional = TypeVarTuple("Positional")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class NamedThreads:
    """`size` threads, called `name`-0 and so on, that take calls in the order of their coming."""

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(
                target=self._work, args=(f"{name}-{number}",), name=f"{name}-{number}", daemon=True
            )
            for number in range(size)
        ]

    def start(self) -> None:
        """Begin to take calls."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Finish what was handed over before, and end the threads."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread."""
        return self._calls.qsize()

    def hand_over(self, call: Callable[[], None]) -> None:
        """Have a thread make a call that raises nothing."""
        self._calls.put(call)

    async def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Have a thread call `function`, and return its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def call() -> None:
            if future.cancelled():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                call_back(loop, fail, future, as_exception(error))
            else:
                call_back(loop, resolve, future, result)

        self.hand_over(call)
        return await future

    def _work(self, name: str) -> None:
        name_this_thread(name)
        while (call := self._calls.get()) is not None:
            try:
                call()
            except BaseException:
                logger.exception("A call in the thread %s failed", name)


def call_back(
    loop: asyncio.AbstractEventLoop,
    function: Callable[[Unpack[Positional]], None],
    *args: *Positional,
) -> None:
    """Have the event loop make a call; nothing where the loop has ended, and nobody waits."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *args)


def resolve(future: asyncio.Future[Result], result: Result) -> None:
    """Give a future its result, unless nobody waits for it any more."""
    if not future.done():
        future.set_result(result)


def as_exception(error: BaseException) -> Exception:
    """Return an error that ends a request and no thread or event loop.

    A library written in Rust that panics raises what is no Exception.
    """
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def fail(future: asyncio.Future[Result], error: BaseException) -> None:
    """Give a future its error, unless nobody waits for it any more."""
    if not future.done():
        future.set_exception(error)
