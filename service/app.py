"""The ASGI application: routes, problems and request context around a running service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from service.openapi import install_openapi
from service.origin_check import OriginCheck
from service.problem_handlers import install_problem_handlers
from service.request_context import RequestContext
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
    search,
)
from service.running import Running
from vreid import __version__

DESCRIPTION = """\
Finds vehicles by what they look like in RGB, near infrared and thermal infrared.

Images come as a multipart form (files `rgb`, `nir`, `tir`; at least one) or as JSON with base64.
Whatever is missing is left out. Every error is an RFC 9457 problem whose `type` is stable and whose
`detail` says what to do; every answer carries `X-Request-ID`.
"""


def create_app(running: Running) -> FastAPI:
    """Return the application for a running service.

    It starts the workers of ingest, and closes them, the queue and the gallery when it shuts down.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if running.crew is not None:
            running.crew.start()
        if running.retention is not None:
            running.retention.start()
        try:
            yield
        finally:
            await _close(running)

    app = FastAPI(
        title="vreid",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.running = running
    for module in (
        *(search, embed, compare),
        *(enrolment, gallery, correction, deletion, ingest),
        *(health, info, console, documentation),
    ):
        app.include_router(module.router)
    app.mount("/console", console.console_files(), name="console")
    install_problem_handlers(app)
    install_openapi(app)
    app.add_middleware(OriginCheck, settings=running.settings)
    app.add_middleware(RequestContext)
    return app


async def _close(running: Running) -> None:
    if running.crew is not None:
        await anyio.to_thread.run_sync(running.crew.stop, float(running.settings.drain_timeout))
    if running.retention is not None:
        await anyio.to_thread.run_sync(running.retention.stop)
    if running.intake is not None:
        await running.intake.close()
    if running.embedder.cache is not None:
        running.embedder.cache.close()
    running.gallery.close()
