"""From a request with a body to its answer: let in, read, pass through the threads, encode."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.messages.encoding import Document, encode_json
from service.request_errors import FieldProblem, InvalidRequest
from service.requests.body import read_body, waits_for_permission
from service.requests.disconnection import or_gone
from service.requests.passage import Passage, Question
from service.requests.reception import Claim
from service.running import Running
from service.scopes.headers import header_of
from service.telemetry.request_trace import TRACE

Answer = TypeVar("Answer")
Encoded = TypeVar("Encoded")
Model = TypeVar("Model", bound=BaseModel | Document)

_NO_IMAGES = 2048
"""Bytes of a body up to which it is read before it is refused: it may hold ids and no images."""


async def answer_body(
    request: Request, running: Running, read: Callable[[Running, bytes, str], Question[Model]]
) -> Response:
    """Answer a call that takes a body and changes nothing.

    Args:
        request: its body must not have been read.
        running: the service.
        read: reads the body.

    Raises:
        Overloaded: too much is in work.
        RequestError: the body cannot be read, or what `read` and the question's answer raise.
    """
    # Encoded in a thread: thousands of numbers would hold up the event loop.
    async with passed_through(request, running, read, json_response) as response:
        return response


@asynccontextmanager
async def passed_through(
    request: Request,
    running: Running,
    read: Callable[[Running, bytes, str], Question[Answer]],
    encode: Callable[[Answer], Encoded],
    writes: bool = False,
) -> AsyncIterator[Encoded]:
    """Read a request's body and answer it in threads, holding its place until the block ends.

    Args:
        request: its body must not have been read.
        running: the service.
        read: reads the body.
        encode: makes of the answer what the block gets.
        writes: whether the block writes to the gallery.

    Raises:
        Overloaded: too much is in work.
        RequestError: the body cannot be read, or what `read` and the question's answer raise.
    """
    ticket = running.admission.ticket(request.scope)
    ticket.trace = request.scope["state"].get(TRACE)
    size = declared_bytes(request)
    expected = running.backlog.expect(size, writes)
    is_checked = size is None or size > _NO_IMAGES
    # Whoever waits for permission to send gets it: a refusal before would end the connection.
    if is_checked and not waits_for_permission(request):
        running.admission.check(ticket, expected)
    with running.reception.body() as claim:
        body = await _read(request, running, claim)
        ticket.begin(time.monotonic(), running.backlog.own(expected.images))
        admit = running.admission.admit_write if writes else running.admission.admit
        with admit():
            ahead = running.admission.check(ticket, expected) if is_checked else None
            reading = partial(read, running, body, content_type_of(request))
            passage = Passage(running, ticket, expected, len(body), reading, encode, ahead)
            # From here on the passage alone holds them, and gives them up where they were used.
            del body, reading
            try:
                encoded = await or_gone(request, passage.begin(), passage.withdraw)
            finally:
                passage.end()
            yield encoded


def declared_bytes(request: Request) -> int | None:
    """Return how many bytes the body has by its headers, None where they do not say."""
    length = header_of(request.scope, b"content-length")
    return int(length) if length and length.isascii() and length.isdigit() else None


@asynccontextmanager
async def received_body(request: Request, running: Running) -> AsyncIterator[bytes]:
    """Read a request's body and hold room for it for the length of the block.

    Raises:
        Overloaded: there is no room for the body.
        InvalidRequest: there are query parameters, which the call would have ignored.
        RequestError: the body cannot be read.
    """
    with running.reception.body() as claim:
        yield await _read(request, running, claim)


async def _read(request: Request, running: Running, claim: Claim) -> bytes:
    refuse_query_parameters(request)
    settings = running.settings
    return await read_body(request, settings.limits.request_bytes, settings.body_timeout, claim)


def content_type_of(request: Request) -> str:
    """Return the request's Content-Type, empty where it has none."""
    return header_of(request.scope, b"content-type") or ""


def json_response(
    answer: BaseModel | Document, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return an answer encoded."""
    return Response(encode_json(answer), status, headers, "application/json")


def refuse_query_parameters(request: Request) -> None:
    """Refuse parameters in the address of a call that reads its body only.

    Raises:
        InvalidRequest: naming each of them.
    """
    if request.scope["query_string"] and request.query_params:
        raise InvalidRequest(
            [
                FieldProblem(name, "stands in the address; put it into the form or the JSON body")
                for name in request.query_params
            ]
        )
