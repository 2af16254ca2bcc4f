"""`/health/live` and `/health/ready`: the two probes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from service.http.openapi import problems_of
from service.keys.caller import caller_of
from service.messages.answers import HealthAnswer
from service.readiness import Readiness
from service.request_errors import NotReady
from service.routes.dependencies import RunningService

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Does the process answer?", responses=problems_of(503))
async def live(running: RunningService) -> HealthAnswer:
    """Answer as long as the event loop and one lane run; a failure means restart."""
    running.check_alive()
    return HealthAnswer(status="live", checks={})


@router.get("/ready", summary="Can it search?", responses=problems_of(503))
async def ready(request: Request, running: RunningService) -> HealthAnswer:
    """Answer 200 only when every part answered within the last second; else send no requests.

    Where the service has API keys, the parts are told to those who send one.
    """
    readiness = request.app.state.readiness
    assert isinstance(readiness, Readiness)
    if running.access is None or caller_of(request.scope) is not None:
        return HealthAnswer(status="ready", checks=await readiness.checks())
    running.access.ring.check_readable()
    try:
        await readiness.checks()
    except NotReady as error:
        raise NotReady(
            "the service cannot answer now; this call says why when it is sent with an API key, "
            "and so does the service's log"
        ) from error
    return HealthAnswer(status="ready", checks={})
