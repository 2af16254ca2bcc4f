"""What every answer tells browsers and caches, unless it says something of its own.

An answer holds what its key may see: nobody keeps it, frames it or reads it from another site.
Files of the pages carry an ETag and are the same for everybody; they may be kept and asked for
again.
"""

from __future__ import annotations

from collections.abc import Iterable

Header = tuple[bytes, bytes]

CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

_ALWAYS: tuple[Header, ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
)
_KEPT_BY_NOBODY: Header = (b"cache-control", b"no-store")
_ASKED_AGAIN: Header = (b"cache-control", b"no-cache")
_TLS_FROM_NOW_ON: Header = (b"strict-transport-security", b"max-age=31536000")


def with_security(given: Iterable[Header], scheme: str) -> list[Header]:
    """Return an answer's headers and the usual ones that it does not have.

    Args:
        given: names in lower case, as Starlette writes them.
        scheme: `https` where the caller came by TLS, to this process or to a trusted proxy.
    """
    headers = list(given)
    names = {name for name, _ in headers}
    headers += [header for header in _ALWAYS if header[0] not in names]
    if b"cache-control" not in names:
        headers.append(_ASKED_AGAIN if b"etag" in names else _KEPT_BY_NOBODY)
    if scheme == "https":
        headers.append(_TLS_FROM_NOW_ON)
    return headers
