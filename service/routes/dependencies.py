"""What routes are handed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request

from service.keys.details import details_of
from service.request_errors import FieldProblem, InvalidRequest
from service.running import Running


# FastAPI would run a plain function in a thread, for every request.
async def running_of(request: Request) -> Running:
    """Return the running service that the application was made for."""
    return running_service_of(request)


def running_service_of(request: Request) -> Running:
    """Return the running service that the application was made for."""
    running = request.app.state.running
    assert isinstance(running, Running)
    return running


def audited_details(request: Request, running: Running) -> dict[str, Any] | None:
    """Return what the call's line in the audit log will say, to be filled; None without a log."""
    return None if running.access is None else details_of(request.scope)


def refuse_repeated_parameters(request: Request) -> None:
    """Refuse a query parameter that is given twice, of which one would have been ignored.

    Raises:
        InvalidRequest: naming each of them.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    repeated = [name for name in dict.fromkeys(given) if given.count(name) > 1]
    if repeated:
        raise InvalidRequest(
            [FieldProblem(name, "is given more than once; give it once") for name in repeated]
        )


RunningService = Annotated[Running, Depends(running_of)]
