"""The outermost layer of every request: id, security headers, log line, metrics, the last catch."""

from __future__ import annotations

import logging
import string
import time
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.draining import Draining
from service.http.request_ids import chosen_request_id
from service.http.security_headers import with_security
from service.keys.caller import caller_of
from service.messages.problems import SHUTTING_DOWN, problem, unexpected_problem
from service.scopes.headers import header_of
from service.scopes.route_patterns import RoutePatterns
from service.telemetry.json_lines import members
from service.telemetry.metrics import Metrics
from service.telemetry.request_trace import TRACE, RequestTrace
from service.telemetry.tracing import Tracing

REQUEST_ID = "X-Request-ID"

_ANSWERED_TO_THE_END = ("/health/", "/metrics")

_REQUEST_ID = REQUEST_ID.lower().encode()
_TRACED_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
"""Those that traces name; a client may send any word as one."""

_TRACE_CONTEXT = (b"traceparent", b"tracestate")
_LINE = "%s %s %s %.1f ms id=%s"
_access = logging.getLogger("vreid.access")
_errors = logging.getLogger("vreid.service")


def path_for_log(scope: Scope) -> str:
    """Return the path as it was sent, with nothing in it that could begin another log line."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return quote(raw, safe=string.punctuation)


def _shutting_down(request_id: str) -> Response:
    detail = "the service finishes what it has and takes nothing new; send the request to another"
    return problem(SHUTTING_DOWN, detail, request_id)


class RequestContext:
    """ASGI middleware; the id is at `scope["state"]["request_id"]` for whoever answers."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        draining: Draining,
        patterns: RoutePatterns,
        tracing: Tracing | None = None,
    ) -> None:
        self._app = app
        self._tracing = tracing
        self._patterns = patterns
        self._metrics = metrics
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and finish its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = chosen_request_id(header_of(scope, _REQUEST_ID))
        scope.setdefault("state", {})["request_id"] = request_id
        trace = None
        if self._tracing is not None:
            trace = scope["state"][TRACE] = self._tracing.begin()
        started = time.perf_counter()
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = with_security(message.get("headers", ()), scope["scheme"])
                message["headers"] = [*headers, (_REQUEST_ID, request_id.encode())]
            await send(message)

        try:
            if self._draining.has_begun and not scope["path"].startswith(_ANSWERED_TO_THE_END):
                self._metrics.refused("draining")
                await _shutting_down(request_id)(scope, receive, send_with_headers)
            else:
                with self._draining.request():
                    await self._app(scope, receive, send_with_headers)
        except Exception:
            _errors.exception("request %s failed", request_id, extra=members(request_id=request_id))
            if status is not None:
                raise
            await unexpected_problem(request_id)(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            route = self._patterns.of(scope["path"])
            self._metrics.answered(route, status or 0, seconds)
            trace_id = None if trace is None else self._hand_over(trace, scope, route, status)
            _log(scope, route, status, seconds, trace_id)

    def _hand_over(
        self, trace: RequestTrace, scope: Scope, route: str, status: int | None
    ) -> str | None:
        """Return the id of the trace, None where this request is not traced."""
        assert self._tracing is not None
        facts: dict[str, str | int] = {
            "http.request.method": scope["method"]
            if scope["method"] in _TRACED_METHODS
            else "_OTHER",
            "http.route": route,
            "url.scheme": scope["scheme"],
            "vreid.request_id": scope["state"]["request_id"],
        }
        if status is not None:
            facts["http.response.status_code"] = status
        sent = ((name, header_of(scope, name)) for name in _TRACE_CONTEXT)
        headers = {name.decode(): value for name, value in sent if value is not None}
        return self._tracing.end(trace, headers, facts)


def _log(
    scope: Scope, route: str, status: int | None, seconds: float, trace_id: str | None
) -> None:
    """Write the line of one request: its path and who asked, and nothing of what was asked."""
    if not _access.isEnabledFor(logging.INFO):
        return
    request_id = scope["state"]["request_id"]
    key = caller_of(scope)
    told = (
        scope["method"],
        path_for_log(scope),
        status if status is not None else "no answer",
        seconds * 1000,
        request_id,
    )
    # Every one of these lines comes from here: `info` would look for its caller each time.
    line = logging.LogRecord(_access.name, logging.INFO, __file__, 0, _LINE, told, None)
    line.__dict__.update(
        members(
            request_id=request_id,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 3),
            key=None if key is None else key.id,
            trace_id=trace_id,
        )
    )
    _access.handle(line)
