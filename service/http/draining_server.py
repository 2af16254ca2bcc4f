"""A uvicorn server that finishes what it has before it stops listening."""

from __future__ import annotations

import math
import socket
import time
from types import FrameType

import uvicorn

from service.http.draining import Draining


class DrainingServer(uvicorn.Server):
    """Told to stop, it answers new requests with 503 until those before are answered.

    uvicorn itself would stop listening first: whoever came meanwhile, as a load balancer sends
    requests until it has noticed, would find no service at all.
    """

    def __init__(self, config: uvicorn.Config, draining: Draining, timeout: int) -> None:
        super().__init__(config)
        self._draining = draining
        self._timeout = timeout

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
