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
from service.http.tls_protocol import TlsProtocol

_SWEEP_SECONDS = 1.0


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
        self._sweeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application and listen."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        loop = asyncio.get_running_loop()
        self._sweeping = loop.create_task(self._sweep())
        self.servers = [
            await loop.create_server(
                self._protocol if self._certificate is None else self._protocol_beneath,
                sock=each,
                backlog=self.config.backlog,
            )
            for each in sockets or ()
        ]
        self.started = True

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
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _sweep(self) -> None:
        """Look after the connections once a second, also while those inside are answered."""
        while True:
            self._connections.sweep()
            await asyncio.sleep(_SWEEP_SECONDS)

    def _protocol_beneath(self) -> TlsProtocol:
        assert self._certificate is not None
        return TlsProtocol(self._protocol(), self._certificate.context, self._bounds.head_timeout)

    def _protocol(self) -> BoundedProtocol:
        protocol = cast(type, self.config.http_protocol_class)(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        assert isinstance(protocol, BoundedProtocol)
        protocol.open_connections = self._connections
        return protocol
