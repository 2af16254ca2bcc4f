"""TLS beneath HTTP, with connections that count from the moment when they are accepted.

A server that is given a certificate makes its protocol known only when the handshake is done:
whoever connects and says nothing would be counted nowhere. Nor would it tell how much of an answer
the client has not taken.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol

from service.http.protocols import BoundedProtocol

_SHUTDOWN_SECONDS = 3600.0
"""The end of TLS includes that the client takes the rest of its answer; `Connections` bounds it."""


class TlsProtocol(SSLProtocol):
    """Speaks TLS for one protocol of HTTP."""

    def __init__(
        self, protocol: BoundedProtocol, context: ssl.SSLContext, handshake_seconds: float
    ) -> None:
        super().__init__(
            asyncio.get_running_loop(),
            protocol,
            context,
            waiter=None,  # type: ignore[arg-type]
            server_side=True,
            ssl_handshake_timeout=handshake_seconds,  # type: ignore[arg-type]
            ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        self._counted = protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the handshake where there is room for the connection."""
        if self._counted.accepted(transport):
            super().connection_made(transport)
        else:
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection, of which HTTP may never have heard."""
        super().connection_lost(exc)
        self._counted.open_connections.closed(self._counted)
