"""A fixed number of threads with a name that the system shows."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import ParamSpec, TypeVar, TypeVarTuple, Unpack

from service.threads.thread_names import name_this_thread

Arguments = ParamSpec("Arguments")
Positional = TypeVarTuple("Positional")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

Call = Callable[[], None]

_PATIENT_TURN = 8
"""While urgent calls wait, one of so many is a patient one."""


class _Calls:
    """Calls that wait for a thread: urgent ones first, each kind in the order of its coming."""

    def __init__(self) -> None:
        self._urgent: deque[Call] = deque()
        self._patient: deque[Call] = deque()
        # One for each call, and one for each thread that is to end. Written in C, it wakes a thread
        # in a fraction of the time that a condition takes.
        self._arrivals: SimpleQueue[None] = SimpleQueue()
        self._choosing = threading.Lock()
        self._urgent_in_turn = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._patient)

    def put(self, call: Call, is_urgent: bool) -> None:
        """Put a call behind those of its kind."""
        (self._urgent if is_urgent else self._patient).append(call)
        self._arrivals.put(None)

    def close(self, threads: int) -> None:
        """There will be no more for so many threads."""
        for _ in range(threads):
            self._arrivals.put(None)

    def get(self) -> Call | None:
        """Return the next call, waiting for it; None when there will be no more."""
        self._arrivals.get()
        with self._choosing:
            if not len(self):
                return None
            patient_waits = len(self._patient) > 0
            has_turn = not self._urgent or self._urgent_in_turn >= _PATIENT_TURN - 1
            if patient_waits and has_turn:
                self._urgent_in_turn = 0
                return self._patient.popleft()
            self._urgent_in_turn = self._urgent_in_turn + 1 if patient_waits else 0
            return self._urgent.popleft()


class NamedThreads:
    """`size` threads, called `name`-0 and so on, that take calls, urgent ones first."""

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self._calls = _Calls()
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

    def close(self, timeout: float | None = None) -> None:
        """Finish what was handed over before, and end the threads.

        Args:
            timeout: seconds after which threads that still work are left to themselves.
        """
        self._calls.close(self.size)
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread."""
        return len(self._calls)

    def hand_over(self, call: Call, is_urgent: bool = True) -> None:
        """Have a thread make a call that raises nothing."""
        self._calls.put(call, is_urgent)

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
            # While it waits for the next one, the thread holds nothing of the last.
            del call


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
