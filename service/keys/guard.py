"""ASGI middleware: who calls, whether they may, how often, and a line about it in the audit log.

It stands before the body is read: a call without a key costs its headers.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.keys.access import check_allowed, is_public, needed_role, route_of
from service.keys.errors import AccessError, Unauthenticated
from service.keys.key import Key
from service.keys.opening import Access
from service.problems import kind_of, problem, retry_after_of

DETAILS = "audit"
"""Where in `scope["state"]` a call puts what its line in the audit log says beside the rest."""


class KeyGuard:
    """Passes on what its key allows; needs `RequestContext` around it for the request's id."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or 429, or pass the request on."""
        if scope["type"] != "http" or is_public(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        request_id = scope["state"]["request_id"]
        route = route_of(scope["path"])
        key: Key | None = None
        try:
            key = self._access.ring.authenticate(Headers(scope=scope).get("authorization"))
            check_allowed(key, needed_role(scope["method"], route))
            self._access.rates.take(key)
        except AccessError as refusal:
            answer = _refused(refusal, request_id)
            self._access.audit.write(_entry(scope, route, key, answer.status_code))
            await answer(scope, receive, send)
            return

        async def send_when_audited(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._access.audit.write(_entry(scope, route, key, message["status"]))
            await send(message)

        await self._app(scope, receive, send_when_audited)


def _refused(refusal: AccessError, request_id: str) -> Response:
    kind = kind_of(refusal)
    answer = problem(kind, str(refusal), request_id, retry_after=retry_after_of(refusal))
    if isinstance(refusal, Unauthenticated):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _entry(scope: Scope, route: str, key: Key | None, status: int) -> dict[str, Any]:
    client = scope.get("client")
    entry: dict[str, Any] = {
        "request_id": scope["state"]["request_id"],
        "key": None if key is None else key.id,
        "name": None if key is None else key.name,
        "client": None if client is None else client[0],
        "method": scope["method"],
        "route": route,
        "path": scope["path"],
        "status": status,
    }
    if scope["query_string"]:
        entry["query"] = scope["query_string"].decode("latin-1")
    if details := scope["state"].get(DETAILS):
        entry["details"] = details
    return entry
