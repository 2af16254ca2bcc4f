"""One line of the audit log: who called what from where, and what it was about."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

from service.keys.details import bounded, bounded_details, details_of
from service.keys.key import Key
from service.scopes.client_address import client_address
from service.scopes.route_patterns import OTHER


def audit_entry(
    scope: Scope, route: str, key: Key | None, status: int | None = None
) -> dict[str, Any]:
    """Return the line of a call.

    Args:
        scope: of the request; its state holds the request's id.
        route: the pattern of its path; OTHER is left out, since `path` says more.
        key: that it came with, None without a valid one.
        status: of its answer, None while there is none.
    """
    entry: dict[str, Any] = {
        "request_id": scope["state"]["request_id"],
        "key": None if key is None else key.id,
        "name": None if key is None else key.name,
        "client": client_address(scope),
        "method": bounded(scope["method"]),
        "route": None if route == OTHER else route,
        "path": bounded(scope["path"]),
        "status": status,
    }
    if scope["query_string"]:
        entry["query"] = bounded(scope["query_string"].decode("latin-1"))
    if details := bounded_details(details_of(scope)):
        entry["details"] = details
    return entry
