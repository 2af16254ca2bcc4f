"""Asking the blocking and the asynchronous client in one way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

from vreid.client import AsyncClient, Client, Retry

T = TypeVar("T")

Kind = Literal["blocking", "asynchronous"]
AnyClient = Client | AsyncClient

QUICK = Retry(attempts=4, seconds=10, pause=0.01, longest_pause=0.05)


class Asking:
    """One client of either kind; an asynchronous one lives in an event loop of its own."""

    def __init__(self, client: AnyClient, runner: asyncio.Runner) -> None:
        self.client = client
        self._runner = runner

    def ask(self, call: Callable[[AnyClient], T | Awaitable[T]]) -> T:
        """The result of a call."""

        async def awaited(answer: Awaitable[T]) -> T:
            return await answer

        answer = call(self.client)
        return self._runner.run(awaited(answer)) if isinstance(answer, Awaitable) else answer

    def all_of(self, call: Callable[[AnyClient], Iterator[T] | AsyncIterator[T]]) -> list[T]:
        """All that a call goes through."""

        async def collected(items: AsyncIterator[T]) -> list[T]:
            return [item async for item in items]

        items = call(self.client)
        return self._runner.run(collected(items)) if isinstance(items, AsyncIterator) else [*items]

    def within(self, seconds: float) -> "Asking":
        """The same client with a deadline."""
        return Asking(self.client.with_options(deadline=seconds), self._runner)


@contextmanager
def asking(kind: Kind, url: str, retry: Retry = QUICK, timeout: float = 30) -> Iterator[Asking]:
    """A client of a service, closed when the block ends."""
    with asyncio.Runner() as runner:
        if kind == "blocking":
            with Client(url, retry=retry, timeout=timeout) as client:
                yield Asking(client, runner)
        else:
            other = AsyncClient(url, retry=retry, timeout=timeout)
            try:
                yield Asking(other, runner)
            finally:
                runner.run(other.aclose())
