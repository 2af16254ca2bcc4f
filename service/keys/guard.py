"""ASGI middleware: who calls, whether they may, how often, and a line about it in the audit log.

It stands before the body is read: a call without a key costs its headers.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.request_context import REFUSED_ROUTE
from service.keys.access import NEEDED, changes, check_allowed, is_public, needed_role, route_of
from service.keys.audit import MOST_CHARACTERS, bounded
from service.keys.errors import AccessError, AuditUnwritable, Unauthenticated
from service.keys.key import Key
from service.keys.opening import Access
from service.messages.problems import kind_of, problem, retry_after_of

DETAILS = "audit"
"""Where in `scope["state"]` a call puts what its line in the audit log says beside the rest."""

logger = logging.getLogger(__name__)


class KeyGuard:
    """Passes on what its key allows; needs `RequestContext` around it for the request's id."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403, 429 or 503, or pass the request on."""
        if scope["type"] != "http" or is_public(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        route = route_of(scope["path"])
        key: Key | None = None
        try:
            key = self._access.ring.authenticate(Headers(scope=scope).get("authorization"))
            self._access.rates.take(key)
            check_allowed(key, needed_role(scope["method"], route))
            if changes(scope["method"], route):
                await self._access.audit.record({**_entry(scope, route, key), "event": "begins"})
        except AuditUnwritable as error:
            await _refused(scope, error)(scope, receive, send)
        except AccessError as refusal:
            answer = await self._answer_of(refusal, scope, route, key)
            await answer(scope, receive, send)
        else:
            await _Audited(self._access, scope, route, key, send).call(self._app, receive)

    async def _answer_of(
        self, refusal: AccessError, scope: Scope, route: str, key: Key | None
    ) -> Response:
        answer = _refused(scope, refusal)
        if (scope["method"], route) in NEEDED:
            scope["state"][REFUSED_ROUTE] = route
        # Whoever has no key must not be able to rotate away what those with keys did.
        log = self._access.refusals if key is None else self._access.audit
        try:
            await log.record(_entry(scope, route, key, answer.status_code))
        except AuditUnwritable as error:
            return _refused(scope, error)
        return answer


class _Audited:
    """One call that was let in: however it ends, one line says how."""

    def __init__(self, access: Access, scope: Scope, route: str, key: Key, send: Send) -> None:
        self._access = access
        self._scope = scope
        self._route = route
        self._key = key
        self._send = send
        self._is_written = False
        self._is_replaced = False

    async def call(self, app: ASGIApp, receive: Receive) -> None:
        """Run the call; what it raises goes on to `RequestContext`."""
        try:
            await app(self._scope, receive, self._send_audited)
        except Exception:
            self._write_unanswered(500, "failed")
            raise
        except BaseException:
            self._write_unanswered(None, "cancelled")
            raise
        finally:
            self._write_unanswered(None, "no answer")

    async def _send_audited(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_written = True
            entry = _entry(self._scope, self._route, self._key, message["status"])
            try:
                await self._access.audit.record(entry)
            except AuditUnwritable as error:
                # What changes something has its first line, and is done: the answer says so.
                if not changes(self._scope["method"], self._route):
                    self._is_replaced = True
                    answer = _refused(self._scope, error)
                    await answer(self._scope, _nothing, self._send)
        if not self._is_replaced:
            await self._send(message)

    def _write_unanswered(self, status: int | None, event: str) -> None:
        """Hand in the line without waiting: a call that is cancelled may not wait."""
        if self._is_written:
            return
        self._is_written = True
        entry = _entry(self._scope, self._route, self._key, status)
        try:
            self._access.audit.submit({**entry, "event": event})
        except AuditUnwritable as error:
            logger.error("%s", error)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _refused(scope: Scope, refusal: AccessError) -> Response:
    kind, request_id = kind_of(refusal), scope["state"]["request_id"]
    answer = problem(kind, str(refusal), request_id, retry_after=retry_after_of(refusal))
    if isinstance(refusal, Unauthenticated):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _entry(scope: Scope, route: str, key: Key | None, status: int | None = None) -> dict[str, Any]:
    client = scope.get("client")
    entry: dict[str, Any] = {
        "request_id": scope["state"]["request_id"],
        "key": None if key is None else key.id,
        "name": None if key is None else key.name,
        "client": None if client is None else client[0],
        "method": bounded(scope["method"]),
        "route": bounded(route),
        "path": bounded(scope["path"]),
        "status": status,
    }
    if scope["query_string"]:
        entry["query"] = bounded(scope["query_string"].decode("latin-1"))
    if details := scope["state"].get(DETAILS):
        text = json.dumps(details)
        entry["details"] = details if len(text) <= MOST_CHARACTERS else bounded(text)
    return entry
