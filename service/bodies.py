"""From a request with a body to its answer: read, admit, work in a thread, encode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.body import read_body
from service.request_errors import FieldProblem, InvalidRequest
from service.running import Running

Answer = TypeVar("Answer", bound=BaseModel)


async def answer_body(
    request: Request, running: Running, call: Callable[[Running, bytes, str], Answer]
) -> Response:
    """Answer a call that takes a body and changes nothing.

    Args:
        request: its body must not have been read.
        running: the service.
        call: what to do with the service, the body and its Content-Type; it may block.

    Raises:
        Overloaded: too many requests are held.
        RequestError: the body cannot be read, or what `call` raises.
    """
    content_type = content_type_of(request)

    def work(body: bytes) -> Response:
        # Encoded here: thousands of numbers would hold up the event loop.
        return json_response(call(running, body, content_type))

    async with received_body(request, running) as body:
        with running.workers.admit():
            return await running.workers.run(work, body)


@asynccontextmanager
async def received_body(request: Request, running: Running) -> AsyncIterator[bytes]:
    """Read a request's body and hold room for it for the length of the block.

    Raises:
        Overloaded: there is no room for the body.
        InvalidRequest: there are query parameters, which the call would have ignored.
        RequestError: the body cannot be read.
    """
    refuse_query_parameters(request)
    settings = running.settings
    with running.reception.body() as claim:
        yield await read_body(request, settings.limits.request_bytes, settings.body_timeout, claim)


def content_type_of(request: Request) -> str:
    """Return the request's Content-Type, empty where it has none."""
    return request.headers.get("content-type", "")


def json_response(
    answer: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return an answer encoded."""
    return Response(answer.model_dump_json(), status, headers, "application/json")


def refuse_query_parameters(request: Request) -> None:
    """Refuse parameters in the address of a call that reads its body only.

    Raises:
        InvalidRequest: naming each of them.
    """
    if request.query_params:
        raise InvalidRequest(
            [
                FieldProblem(name, "stands in the address; put it into the form or the JSON body")
                for name in request.query_params
            ]
        )
