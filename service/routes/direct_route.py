"""Routes that take the request as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from service.routes.dependencies import running_service_of
from service.running import Running

DirectCall = Callable[[Request, Running], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A route whose function takes the request and the running service, and returns a response.

    FastAPI documents it as any other. Its work before and after each call (parameters,
    dependencies, the check of the answer) is left out: these functions do it themselves, and it
    takes as long as reading a form does.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return what answers a request."""
        call = cast(DirectCall, self.endpoint)

        async def answer(request: Request) -> Response:
            return await call(request, running_service_of(request))

        return answer
