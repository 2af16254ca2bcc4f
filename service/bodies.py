"""From a request with a body to its answer: admit, read, work in a thread, encode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.body import read_body
from service.request_errors import FieldProblem, InvalidRequest
from service.running import Running

Answer = TypeVar("Answer", bound=BaseModel)


async def answer_body(
    request: Request,
    running: Running,
    call: Callable[[Running, bytes, str], Answer],
    status: int = 200,
    location: Callable[[Answer], str] | None = None,
) -> Response:
    """Answer a call that takes a body.

    Args:
        request: its body must not have been read.
        running: the service.
        call: what to do with the service, the body and its Content-Type; it may block.
        status: of the answer.
        location: what goes into the header Location, from the answer.

    Raises:
        Overloaded: too many requests are held.
        InvalidRequest: there are query parameters, which the call would have ignored.
        RequestError: the body cannot be read, or what `call` raises.
    """
    refuse_query_parameters(request)
    limits = running.settings.limits
    content_type = request.headers.get("content-type", "")

    def work(body: bytes) -> Response:
        answer = call(running, body, content_type)
        headers = {} if location is None else {"Location": location(answer)}
        # Encoded here: thousands of numbers would hold up the event loop.
        return Response(answer.model_dump_json(), status, headers, "application/json")

    with running.workers.admit():
        body = await read_body(request, limits.request_bytes, running.settings.body_timeout)
        return await running.workers.run(work, body)


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
