"""Calls as generators: what to ask, and what to make of the answers; nothing is sent here.

A flow yields requests and pauses, is sent an `Exchanged` for each request, and returns the call's
result. `Client` and `AsyncClient` drive the same flows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from vreid.client.answers import Answer, checked, read_answer
from vreid.client.requests import Request
from vreid.client.retrying import Exchanged, Options, Pause, Send, exchange

T = TypeVar("T")

Flow: TypeAlias = Generator[Request | Pause, Any, T]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items of one page, and the next page's cursor; None at the end."""

    items: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Paging(Generic[T]):
    """A call that is answered page by page: `page` is the flow of the page at a cursor."""

    page: Callable[[str | None], Flow[Page[T]]]


def ask(request: Request) -> Flow[Answer]:
    """The answer to a request.

    Raises:
        ServiceProblem: it is an error.
        ClientError: there is none.
    """
    exchanged: Exchanged = yield request
    return checked(exchanged.answer)


def ask_for(kind: type[T], request: Request) -> Flow[T]:
    """The answer to a request, as a `kind`.

    Raises:
        ServiceProblem: it is an error.
        ClientError: there is none, or another than the API has.
    """
    answer = yield from ask(request)
    return read_answer(kind, answer, f"the answer to {request.method} {request.path}")


def attempts(flow: Flow[T], options: Options) -> Generator[Send | Pause, Any, T]:
    """A flow in single attempts: each request is sent until it is answered.

    Is sent an `Answer` or a `Failure` for each `Send`.
    """
    try:
        step = next(flow)
        while True:
            if isinstance(step, Pause):
                yield step
                step = next(flow)
                continue
            try:
                exchanged = yield from exchange(step, options)
            except Exception as error:
                step = flow.throw(error)
            else:
                step = flow.send(exchanged)
    except StopIteration as end:
        result: T = end.value
        return result
