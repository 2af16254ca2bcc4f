"""From flows to methods: a call is written once and becomes one of each client.

The signature stands at the flow alone; type checkers, editors and `help` see it at the method.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from vreid.client.flows import Flow, Paging

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Protocol):
    """What returns the result of a flow."""

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""


class Awaiting(Protocol):
    """What returns the result of a flow when it is awaited."""

    async def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""


def blocking(
    flow: Callable[P, Flow[T]],
) -> Callable[Concatenate[Blocking, P], T]:
    """A call of `Client` from its flow."""

    @functools.wraps(flow)
    def call(self: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(flow(*args, **kwargs))

    return _as_method(call, flow)


def blocking_pages(
    paging: Callable[P, Paging[T]],
) -> Callable[Concatenate[Blocking, P], Iterator[T]]:
    """A call of `Client` that goes through pages as they are needed."""

    @functools.wraps(paging)
    def call(self: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        pages = paging(*args, **kwargs)
        cursor: str | None = None
        while True:
            page = self.run(pages.page(cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    return _as_method(call, paging)


def awaited(
    flow: Callable[P, Flow[T]],
) -> Callable[Concatenate[Awaiting, P], Awaitable[T]]:
    """A call of `AsyncClient` from its flow."""

    @functools.wraps(flow)
    async def call(self: Awaiting, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(flow(*args, **kwargs))

    return _as_method(call, flow)


def awaited_pages(
    paging: Callable[P, Paging[T]],
) -> Callable[Concatenate[Awaiting, P], AsyncIterator[T]]:
    """A call of `AsyncClient` that goes through pages as they are needed."""

    @functools.wraps(paging)
    async def call(self: Awaiting, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        pages = paging(*args, **kwargs)
        cursor: str | None = None
        while True:
            page = await self.run(pages.page(cursor))
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    return _as_method(call, paging)


def _as_method(call: Callable[P, T], flow: Callable[..., object]) -> Callable[P, T]:
    """The call with the signature of its flow, as a method: what `help` shows."""
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(flow)
    call.__dict__["__signature__"] = signature.replace(
        parameters=[first, *signature.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )
    del call.__dict__["__wrapped__"]
    return call
