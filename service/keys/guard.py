"""ASGI middleware: who calls, whether they may, how often, and a line about it in the audit log.

It stands before the body is read: a call without a key costs its headers.
"""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.keys.access import changes, check_allowed, is_public, needed_role
from service.keys.audit_entry import audit_entry
from service.keys.caller import set_caller
from service.keys.errors import AccessError, AuditUnwritable, TooManyFailures, Unauthenticated
from service.keys.key import Key
from service.keys.opening import Access
from service.messages.problems import kind_of, problem, retry_after_of
from service.scopes.client_address import client_site
from service.scopes.route_patterns import RoutePatterns

logger = logging.getLogger(__name__)


class KeyGuard:
    """Passes on what its key allows; needs `RequestContext` around it for the request's id."""

    def __init__(self, app: ASGIApp, access: Access, patterns: RoutePatterns) -> None:
        self._app = app
        self._access = access
        self._patterns = patterns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403, 429 or 503, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("authorization")
        if is_public(scope["method"], scope["path"], has_key=given is not None):
            await self._app(scope, receive, send)
            return
        route = self._patterns.of(scope["path"])
        key: Key | None = None
        try:
            key = self._access.ring.authenticate(given)
            self._access.rates.take(key)
            check_allowed(key, needed_role(scope["method"], route))
            if changes(scope["method"], route):
                begins = {**audit_entry(scope, route, key), "event": "begins"}
                await self._access.audit.record(begins)
        except AuditUnwritable as error:
            await _refused(scope, error)(scope, receive, send)
        except AccessError as refusal:
            answer = await self._answer_of(refusal, scope, route, key)
            await answer(scope, receive, send)
        else:
            set_caller(scope, key)
            await _Audited(self._access, scope, route, key, send).call(self._app, receive)

    async def _answer_of(
        self, refusal: AccessError, scope: Scope, route: str, key: Key | None
    ) -> Response:
        answer = _refused(scope, refusal)
        access = self._access
        # Calls that are refused cost nothing: they must not be able to rotate away what others did,
        # nor to keep the disk busy.
        try:
            unrecorded: int | None
            if key is None:
                log, unrecorded = access.refusals, access.failures.take(client_site(scope))
            else:
                log, unrecorded = access.audit, access.refused_lines.take(key.id)
            if unrecorded is None:
                return answer
            entry = audit_entry(scope, route, key, answer.status_code)
            await log.record({**entry, "unrecorded": unrecorded} if unrecorded else entry)
        except TooManyFailures as error:
            # While the file of keys cannot be read, a valid key is not known to be one.
            return _refused(scope, error) if isinstance(refusal, Unauthenticated) else answer
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
            entry = audit_entry(self._scope, self._route, self._key, message["status"])
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
        entry = audit_entry(self._scope, self._route, self._key, status)
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
