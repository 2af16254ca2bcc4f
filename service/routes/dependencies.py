"""What routes are handed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from service.running import Running


def running_of(request: Request) -> Running:
    """Return the running service that the application was made for."""
    running = request.app.state.running
    assert isinstance(running, Running)
    return running


RunningService = Annotated[Running, Depends(running_of)]
