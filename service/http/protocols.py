"""How uvicorn's two readers of HTTP behave here: within bounds, and with problems as answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from service.http.connections import Connections
from service.http.request_ids import new_request_id
from service.http.security_headers import with_security
from service.messages.problems import (
    TOO_MANY_CONNECTIONS,
    UNREADABLE_REQUEST,
    Kind,
    problem,
)

_UNREADABLE = "this is no HTTP/1.1 request that can be read; check the line, headers and lengths"
_CROWDED = "every connection that the service holds is being answered; try again in a second"
_LARGE = "the request's line and headers have more than {most} bytes; send what is long in the body"

if TYPE_CHECKING:
    _Reader = asyncio.Protocol
else:
    _Reader = object


class BoundedProtocol(_Reader):
    """Beside a protocol of uvicorn: tells `open_connections` what its connection does.

    Attributes:
        open_connections: set by who makes it, before the connection is there.
    """

    open_connections: Connections
    transport: asyncio.Transport
    cycle: Any
    _beneath: asyncio.Transport | None = None
    _is_refused = False

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not taken yet."""
        left = self.transport.get_write_buffer_size()
        return left if self._beneath is None else left + self._beneath.get_write_buffer_size()

    @property
    def is_closing(self) -> bool:
        """Whether the connection ends once these are sent."""
        return self.transport.is_closing()

    def abort(self) -> None:
        """Drop the connection."""
        self.transport.abort()

    def accepted(self, beneath: asyncio.Transport) -> bool:
        """Count a connection that is to speak TLS; returns whether there is room for it.

        Args:
            beneath: what TLS writes to; the transport of `connection_made` shows nothing of it.
        """
        self.transport = self._beneath = beneath
        return self.open_connections.opened(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Serve a connection, or say that there are too many."""
        super().connection_made(transport)
        if not self.open_connections.opened(self):
            self._is_refused = True
            transport.write(_refusal(TOO_MANY_CONNECTIONS, _CROWDED))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.open_connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what comes after a refusal is not read."""
        if self._is_refused or self.transport.is_closing():
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self.open_connections.asks(self)

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it came already."""
        super().on_response_complete()  # type: ignore[misc]
        if self.cycle.response_complete:
            self.open_connections.waits(self)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, in place of uvicorn's plain text."""
        self.refuse(UNREADABLE_REQUEST, _UNREADABLE)

    def refuse(self, kind: Kind, detail: str) -> None:
        """Answer once without asking the application, and read no more."""
        if self._is_refused:
            return
        self._is_refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            # These bytes would stand in the middle of another answer.
            self.transport.close()
            return
        self.transport.write(_refusal(kind, detail))
        if self.transport.can_write_eof():
            # To close while the client still sends would take the answer away from it; whoever
            # does not close in turn is one that waits for too long.
            self.transport.write_eof()
        else:
            self.transport.close()


class PlainProtocol(BoundedProtocol, H11Protocol):
    """Reads by h11, which bounds heads itself."""


def _refusal(kind: Kind, detail: str) -> bytes:
    request_id = new_request_id()
    answer = problem(kind, detail, request_id)
    headers = [*with_security(answer.raw_headers, "http"), (b"x-request-id", request_id.encode())]
    lines = [b"HTTP/1.1 %d %s" % (kind.status, kind.title.encode())]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


def too_large(connections: Connections) -> str:
    """Return what a request is told whose head is too large."""
    return _LARGE.format(most=connections.head_bytes)


def fastest_protocol() -> type[BoundedProtocol]:
    """Return what reads by httptools where that is installed, else by h11."""
    try:
        from service.http.httptools_protocol import HttptoolsProtocol
    except ImportError:
        return PlainProtocol
    return HttptoolsProtocol
