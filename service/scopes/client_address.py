"""The address of who sent a request, through the proxies that are trusted to tell it."""

from __future__ import annotations

import ipaddress

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.scopes.trusted_networks import trusted_networks

_HOST_BITS_OF_A_SITE = 64
"""Of IPv6: whoever has one address of such a network has all of them."""


def through_proxies(app: ASGIApp, trusted: str) -> ASGIApp:
    """Return an application that believes X-Forwarded-For and -Proto of trusted proxies alone.

    The client is the last address of X-Forwarded-For that is no trusted proxy: what stands before
    it, the client itself may have written.

    Args:
        app: what answers.
        trusted: addresses and networks, separated by commas.
    """
    believing = ProxyHeadersMiddleware(app, trusted_networks(trusted))  # type: ignore[arg-type]

    async def unwrapped(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None:
            scope["client"] = (client_address(scope) or client[0], client[1])
        await believing(scope, receive, send)  # type: ignore[arg-type]

    return unwrapped


def client_address(scope: Scope) -> str | None:
    """Return the client's address, None where nobody told one.

    A socket that listens on `::` shows 192.0.2.1 as ::ffff:192.0.2.1.
    """
    client = scope.get("client")
    if client is None:
        return None
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def client_site(scope: Scope) -> str:
    """Return the address, or of IPv6 the network, for counting what comes from one place."""
    address = client_address(scope)
    if address is None:
        return ""
    if ":" in address:
        return str(ipaddress.ip_network((address, _HOST_BITS_OF_A_SITE), strict=False))
    return address
