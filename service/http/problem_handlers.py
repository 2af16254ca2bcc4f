"""Every exception that leaves a route becomes a problem here."""

from __future__ import annotations

import logging

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from service.messages.problems import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    Kind,
    fields_of,
    kind_of,
    problem,
    retry_after_of,
    unexpected_problem,
)
from service.request_errors import FieldProblem, InvalidRequest
from service.requests.validation import field_name, sentence
from vreid.errors import VreidError

_log = logging.getLogger("vreid.service")


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""
    app.exception_handler(VreidError)(vreid_error)
    app.exception_handler(RequestValidationError)(parameter_error)
    app.exception_handler(HTTPException)(http_error)


def request_id_of(request: Request) -> str:
    """Return the id that the request was given."""
    return str(request.state.request_id)


async def vreid_error(request: Request, error: VreidError) -> Response:
    """Answer a typed error by its entry in the table."""
    kind = kind_of(error)
    request_id = request_id_of(request)
    if kind.status == 500:
        # Its message may name paths and devices of this machine, which are for the log.
        _log.error("request %s failed", request_id, exc_info=error)
        return unexpected_problem(request_id)
    if kind.status == 507:
        _log.error("request %s: %s", request_id, error)
    return problem(kind, str(error), request_id, fields_of(error), retry_after_of(error))


async def parameter_error(request: Request, error: RequestValidationError) -> Response:
    """Answer path and query parameters that are out of range."""
    invalid = InvalidRequest(
        [
            FieldProblem(
                field_name(tuple(entry["loc"][1:])),
                sentence(entry["type"], entry["msg"], known=()),
            )
            for entry in error.errors()
        ]
    )
    return await vreid_error(request, invalid)


async def http_error(request: Request, error: HTTPException) -> Response:
    """Answer what the router itself refuses: unknown paths and methods."""
    path, method = request.url.path, request.method
    if error.status_code == 404:
        kind, detail = NOT_FOUND, f"there is nothing at {path}; the calls are listed at /docs"
    elif error.status_code == 405:
        kind = METHOD_NOT_ALLOWED
        detail = f"{path} does not answer {method}; it answers {allowed_methods(request)}"
    else:
        kind, detail = Kind(error.status_code, "refused", "The request was refused"), error.detail
    response = problem(kind, detail, request_id_of(request))
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = allowed_methods(request)
    return response


def allowed_methods(request: Request) -> str:
    """Return what a path answers; the router itself names the methods of one of its routes."""
    allowed = {
        method
        for context in iter_route_contexts(request.app.routes)
        if context.path is not None and compile_path(context.path)[0].match(request.url.path)
        for method in context.methods or ()
    }
    return ", ".join(sorted(allowed))
