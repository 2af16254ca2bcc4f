"""The outermost layer of every request: id, security headers, log line, metrics, the last catch."""

from __future__ import annotations

import logging
import re
import string
import time
import uuid
from collections.abc import Iterable
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.draining import Draining
from service.messages.problems import SHUTTING_DOWN, problem, unexpected_problem
from service.telemetry.metrics import Metrics

REQUEST_ID = "X-Request-ID"
CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

REFUSED_ROUTE = "refused_route"
"""Where in `scope["state"]` who answers before the routes puts the pattern of the route."""

_ANSWERED_TO_THE_END = ("/health/", "/metrics")

_REQUEST_ID = REQUEST_ID.lower().encode()
_EVERY_ANSWER = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Unless the answer has its own; names are in lower case, as Starlette writes them."""

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_access = logging.getLogger("vreid.access")
_errors = logging.getLogger("vreid.service")


def request_id_of(headers: Headers) -> str:
    """Return the caller's request id when it is short and plain, else a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def path_for_log(scope: Scope) -> str:
    """Return the path as it was sent, with nothing in it that could begin another log line."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return quote(raw, safe=string.punctuation)


def with_headers(
    given: Iterable[tuple[bytes, bytes]], request_id: str
) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers with the request's id, and what every answer carries."""
    headers = list(given)
    names = {name for name, _ in headers}
    headers += [header for header in _EVERY_ANSWER if header[0] not in names]
    headers.append((_REQUEST_ID, request_id.encode()))
    return headers


def route_of(scope: Scope) -> str:
    """Return the pattern that a request's path matched, as /gallery/{id}; `other` for none."""
    route = scope.get("route")
    if route is None:
        return str(scope["state"].get(REFUSED_ROUTE, "other"))
    return str(getattr(route, "path", "other"))


def _shutting_down(request_id: str) -> Response:
    detail = "the service finishes what it has and takes nothing new; send the request to another"
    return problem(SHUTTING_DOWN, detail, request_id)


class RequestContext:
    """ASGI middleware; the id is at `scope["state"]["request_id"]` for whoever answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics, draining: Draining) -> None:
        self._app = app
        self._metrics = metrics
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and finish its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = with_headers(message.get("headers", ()), request_id)
            await send(message)

        try:
            if self._draining.has_begun and not scope["path"].startswith(_ANSWERED_TO_THE_END):
                self._metrics.refused("draining")
                await _shutting_down(request_id)(scope, receive, send_with_headers)
            else:
                with self._draining.request():
                    await self._app(scope, receive, send_with_headers)
        except Exception:
            _errors.exception("request %s failed", request_id)
            if status is not None:
                raise
            await unexpected_problem(request_id)(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.answered(route_of(scope), status or 0, seconds)
            _access.info(
                "%s %s %s %.1f ms id=%s",
                scope["method"],
                path_for_log(scope),
                status if status is not None else "no answer",
                seconds * 1000,
                request_id,
            )
