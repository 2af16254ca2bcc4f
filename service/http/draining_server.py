"""A uvicorn server that finishes what it has before it stops listening."""

from __future__ import annotations

import asyncio
import math
import socket
import sys
import time
from types import FrameType
from typing import cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from service.http.certificate import Certificate
from service.http.connection_settings import ConnectionSettings
from service.http.connections import Connections
from service.http.draining import Draining
from service.http.protocols import BoundedProtocol

_TICKS_A_SECOND = 10

_GOODBYE_SECONDS = 1.0
"""For which the end of TLS waits for the client's: one that is silent must not hold up a stop."""


class DrainingServer(uvicorn.Server):
    """Told to stop, it answers new requests with 503 until those before are answered.

    uvicorn itself would stop listening first: whoever came meanwhile, as a load balancer sends
    requests until it has noticed, would find no service at all.

    Its connections are bounded, and speak HTTPS where there is a certificate.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        draining: Draining,
        timeout: int,
        bounds: ConnectionSettings,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(config)
        self._draining = draining
        self._timeout = timeout
        self._bounds = bounds
        self._connections = Connections(bounds)
        self._certificate = certificate

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        loop = asyncio.get_running_loop()
        tls = self._certificate
        self.servers = [
            await loop.create_server(
                self._protocol,
                sock=each,
                ssl=None if tls is None else tls.context,
                ssl_handshake_timeout=None if tls is None else self._bounds.head_timeout,
                ssl_shutdown_timeout=None if tls is None else _GOODBYE_SECONDS,
                backlog=self.config.backlog,
            )
            for each in sockets or ()
        ]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections once a second."""
        if counter % _TICKS_A_SECOND == 0:
            self._connections.sweep()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Obey a signal; a second SIGINT ends at once what still runs."""
        self._draining.begin()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for the requests inside, then close the connections and the application."""
        self._draining.begin()
        deadline = self._draining.deadline(self._timeout)
        await self._draining.wait(lambda: self.force_exit or time.monotonic() >= deadline)
        left = max(1, math.ceil(deadline - time.monotonic()))
        self.config.timeout_graceful_shutdown = left
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        protocol = cast(type, self.config.http_protocol_class)(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        assert isinstance(protocol, BoundedProtocol)
        protocol.open_connections = self._connections
        return protocol
