"""`GET /metrics`: what Prometheus reads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from service.routes.dependencies import RunningService
from service.telemetry.figures import IngestFigures
from service.telemetry.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


async def ingest_figures(running: RunningService) -> IngestFigures | None:
    """Ask Redis, which the event loop does; a server that is gone is a fact and no error."""
    return None if running.intake is None else await running.intake.figures()


@router.get(
    "/metrics",
    summary="Counters and histograms for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(
    running: RunningService, ingest: Annotated[IngestFigures | None, Depends(ingest_figures)]
) -> Response:
    """Return the metrics in Prometheus's text format."""
    running.metrics.figures.tell_ingest(ingest)
    return Response(running.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
