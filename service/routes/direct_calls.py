"""Direct routes of a fixed path, answered before the framework looks for a route."""

from __future__ import annotations

from typing import cast

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.problem_handlers import vreid_error
from service.routes.direct_route import DirectCall, DirectRoute
from service.running import Running
from service.scopes.route_patterns import Call
from vreid.errors import VreidError


class DirectCalls:
    """ASGI middleware within all others.

    FastAPI looks at one router after the other and puts each request into stacks for what its
    routes might need; a direct route needs none of it, and all of it takes as long as the rest that
    the event loop does for a request.
    """

    def __init__(self, app: ASGIApp, calls: dict[Call, DirectCall], running: Running) -> None:
        self._app = app
        self._calls = calls
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a direct call, or pass the request on."""
        call = self._calls.get((scope.get("method", ""), scope.get("path", "")))
        if call is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await call(request, self._running)
        except VreidError as error:
            response = await vreid_error(request, error)
        await response(scope, receive, send)


def direct_calls(app: FastAPI) -> dict[Call, DirectCall]:
    """Return the direct calls of an application by method and path, but for those of a pattern."""
    return {
        (method, context.path): cast(DirectCall, context.route.endpoint)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.route, DirectRoute) and context.path and "{" not in context.path
        for method in context.methods or ()
    }
