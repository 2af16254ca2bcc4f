"""`/health/live` and `/health/ready`: the two probes."""

from __future__ import annotations

from fastapi import APIRouter

from service.http.openapi import problems_of
from service.messages.answers import HealthAnswer
from service.routes.dependencies import RunningService

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Does the process answer?", responses=problems_of(503))
async def live(running: RunningService) -> HealthAnswer:
    """Answer as long as the event loop and one lane run; a failure means restart."""
    running.check_alive()
    return HealthAnswer(status="live", checks={})


@router.get("/ready", summary="Can it search?", responses=problems_of(503))
def ready(running: RunningService) -> HealthAnswer:
    """Answer 200 only when every part answered just now; a failure means send no requests."""
    if running.access is not None:
        running.access.ring.check_readable()
    return HealthAnswer(status="ready", checks=running.check_ready())
