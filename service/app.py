"""The ASGI application: routes, problems and request context around a running service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Lifespan

from service.http.openapi import install_openapi, operation_id
from service.http.origin_check import OriginCheck
from service.http.problem_handlers import install_problem_handlers
from service.http.request_context import RequestContext
from service.keys.guard import KeyGuard
from service.readiness import Readiness
from service.routes import (
    compare,
    console,
    correction,
    deletion,
    documentation,
    embed,
    enrolment,
    gallery,
    health,
    info,
    ingest,
    me,
    metrics,
    search,
    status,
)
from service.routes.direct_calls import DirectCalls, direct_calls
from service.running import Running
from service.scopes.client_address import through_proxies
from service.scopes.route_patterns import RoutePatterns, patterns_of
from vreid import __version__

DESCRIPTION = """\
Finds vehicles by what they look like in RGB, near infrared and thermal infrared.

Images come as a multipart form (files `rgb`, `nir`, `tir`; at least one) or as JSON with base64.
Whatever is missing is left out. Every error is an RFC 9457 problem whose `type` is stable and whose
`detail` says what to do; every answer carries `X-Request-ID`.
"""


def application(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return the calls and pages without a service behind them, as they are described."""
    app = FastAPI(
        title="vreid",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        # Nobody reads it, and each request would ask the environment about it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for module in (
        *(search, embed, compare),
        *(enrolment, gallery, correction, deletion, ingest),
        *(health, info, me, status, metrics, console, documentation),
    ):
        app.include_router(module.router)
    app.mount("/console", console.console_files(), name="console")
    install_problem_handlers(app)
    install_openapi(app)
    return app


def create_app(running: Running) -> FastAPI:
    """Return the application for a running service.

    It starts the service's threads, and closes all that it holds when it shuts down.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running.start()
        try:
            yield
        finally:
            await running.close()

    app = application(lifespan)
    app.state.running = running
    app.state.readiness = Readiness(running)
    patterns = RoutePatterns(patterns_of(app))
    app.add_middleware(DirectCalls, calls=direct_calls(app), running=running)
    if running.access is not None:
        app.add_middleware(KeyGuard, access=running.access, patterns=patterns)
    app.add_middleware(OriginCheck, settings=running.settings)
    app.add_middleware(
        RequestContext,
        metrics=running.metrics,
        draining=running.draining,
        patterns=patterns,
        tracing=running.tracing,
    )
    if running.settings.trusted_proxies:
        app.add_middleware(through_proxies, trusted=running.settings.trusted_proxies)
    return app
