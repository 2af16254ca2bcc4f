"""`GET /metrics`: what Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from service.routes.dependencies import RunningService
from service.telemetry.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Counters and histograms for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(running: RunningService) -> Response:
    """Return the metrics in Prometheus's text format."""
    return Response(running.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
