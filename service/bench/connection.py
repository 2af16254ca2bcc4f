"""One keep-alive connection that sends prepared bytes and waits for the status of the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of a response; status 0 is a connection that ended before one came."""

    status: int
    says_retry_after: bool = False


_LOST = Answer(0)


class Connection(asyncio.Protocol):
    """At most one request at a time; bodies of answers are read and dropped."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._retry_after = False
        self.usable = False

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """Connect.

        Raises:
            OSError: nobody listens there.
        """
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request and return when the whole answer is there."""
        if self._transport is None or not self.usable:
            return _LOST
        self._waiting = asyncio.get_running_loop().create_future()
        self._retry_after = False
        self._transport.write(request)
        try:
            return await self._waiting
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; a request that waits is lost."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        # Not checked: uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(_LOST)
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop."""
        self._end(_LOST)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if name.lower() == b"retry-after":
            self._retry_after = True

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if status == 100:
            return
        keep = self._parser.should_keep_alive()
        self._answered(Answer(status, self._retry_after))
        if not keep:
            self.usable = False

    def _end(self, answer: Answer) -> None:
        self.usable = False
        self._answered(answer)

    def _answered(self, answer: Answer) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
