"""The outermost layer of every request: its id, security headers, log line, and the last catch."""

from __future__ import annotations

import logging
import re
import string
import time
import uuid
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import unexpected_problem

REQUEST_ID = "X-Request-ID"
CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

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


class RequestContext:
    """ASGI middleware; the id is at `scope["state"]["request_id"]` for whoever answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

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
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            _errors.exception("request %s failed", request_id)
            if status is not None:
                raise
            await unexpected_problem(request_id)(scope, receive, send_with_headers)
        finally:
            _access.info(
                "%s %s %s %.1f ms id=%s",
                scope["method"],
                path_for_log(scope),
                status if status is not None else "no answer",
                (time.perf_counter() - started) * 1000,
                request_id,
            )
