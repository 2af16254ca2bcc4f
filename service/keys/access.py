"""Which role each call needs: one table for all routes."""

from __future__ import annotations

from service.keys.errors import Forbidden
from service.keys.key import Key, Role

PUBLIC = frozenset(
    [
        ("GET", "/"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
    ]
)
"""Calls that need no key: the probes, and pages that hold nothing of this installation."""

PUBLIC_FOLDERS = ("/console/", "/docs/")
"""Files of the pages, the same in every installation."""

TELLS_MORE_WITH_KEY = frozenset([("GET", "/health/ready")])
"""Calls that need no key and tell more with one: what comes with a key is checked as any other."""

NEEDED: dict[tuple[str, str], Role] = {
    ("POST", "/embed"): "search",
    ("POST", "/search"): "search",
    ("POST", "/compare"): "search",
    ("GET", "/gallery"): "search",
    ("GET", "/gallery/{id}"): "search",
    ("GET", "/gallery/{id}/images/{modality}"): "search",
    ("GET", "/info"): "search",
    ("GET", "/me"): "search",
    ("GET", "/status"): "search",
    ("GET", "/metrics"): "search",
    ("GET", "/health/ready"): "search",
    ("POST", "/gallery"): "enrol",
    ("PATCH", "/gallery/{id}"): "enrol",
    ("POST", "/ingest"): "enrol",
    ("GET", "/ingest/{id}"): "enrol",
    ("DELETE", "/gallery"): "admin",
    ("DELETE", "/gallery/{id}"): "admin",
}
"""Method and route -> the least role. What is not listed here or above needs admin."""


def is_public(method: str, path: str, has_key: bool = False) -> bool:
    """Tell whether a call needs no key; `has_key` says whether it brings one, valid or not."""
    asked = "GET" if method == "HEAD" else method
    if has_key and (asked, path) in TELLS_MORE_WITH_KEY:
        return False
    return (asked, path) in PUBLIC or (asked == "GET" and path.startswith(PUBLIC_FOLDERS))


def needed_role(method: str, route: str) -> Role:
    """Return the least role that a call needs; `route` is its pattern, as `/gallery/{id}`."""
    return NEEDED.get(("GET" if method == "HEAD" else method, route), "admin")


def changes(method: str, route: str) -> bool:
    """Tell whether a call may change what is stored."""
    return method not in ("GET", "HEAD", "OPTIONS") and needed_role(method, route) != "search"


def check_allowed(key: Key, needed: Role) -> None:
    """Refuse a key whose role is not enough.

    Raises:
        Forbidden: naming both roles.
    """
    if not key.allows(needed):
        raise Forbidden(
            f"this call needs a key with the role {needed}, and this one has the role {key.role}; "
            "ask whoever runs the service for another key"
        )
