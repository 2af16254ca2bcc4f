"""`GET /docs`: the API's description, from files on this machine only."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse

from service.routes.console import STATIC

# Swagger UI writes its icons as data: addresses and its layout as style attributes.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


def swagger_directory() -> Path:
    """Return where the package fastapi-offline keeps Swagger UI, without importing it."""
    found = find_spec("fastapi_offline")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "static"


@router.get("/docs")
def documentation() -> FileResponse:
    """Return the page."""
    return FileResponse(
        STATIC / "docs.html",
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY},
    )


@router.get("/docs/swagger-ui-bundle.js")
def script() -> FileResponse:
    """Return Swagger UI."""
    return FileResponse(swagger_directory() / "swagger-ui-bundle.js")


@router.get("/docs/swagger-ui.css")
def style() -> FileResponse:
    """Return Swagger UI's style."""
    return FileResponse(swagger_directory() / "swagger-ui.css")
