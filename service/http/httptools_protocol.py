"""Reads HTTP by httptools, which bounds no head and takes trailers for headers by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.http.protocols import BoundedProtocol, too_large
from service.messages.problems import HEAD_TOO_LARGE

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

_LINE = len(": \r\n")

_MOST_AHEAD = 320
"""Requests that a client may send ahead of their answers; each takes 2 kB, before any key."""


class HttptoolsProtocol(BoundedProtocol, HttpToolsProtocol):
    """Counts the bytes of heads and drops trailers.

    Trailers would come behind the headers that a proxy has looked at, as if it had let them pass.
    """

    _is_in_head = True
    _head = 0
    _ends = 0
    _answered: RequestResponseCycle | None = None

    def data_received(self, data: bytes) -> None:
        """Read on, as long as a head is within its bound."""
        ends = self._ends
        super().data_received(data)
        # What a head or a message ended in was not all of a head.
        if ends != self._ends:
            self._head = 0
        elif self._is_in_head and not self._is_refused:
            self._head += len(data)
            if self._head > self.open_connections.head_bytes:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin with a head."""
        self._is_in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, and no trailer."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request be answered, unless one before it was refused."""
        if self._is_refused:
            return
        self._is_in_head = False
        self._ends += 1
        size = len(self.url) + sum(len(name) + len(value) + _LINE for name, value in self.headers)
        if size > self.open_connections.head_bytes:
            self._refuse_head()
        elif len(self.pipeline) >= _MOST_AHEAD:
            self._end_after_those_ahead()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, unless the request was refused."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Count the bytes of the next head."""
        self._is_in_head = True
        self._ends += 1
        if not self._is_refused:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered, which may not be the one that came last."""
        if self._answered is not None:
            self._answered.disconnected = True
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _end_after_those_ahead(self) -> None:
        """Answer what came before and close, which tells the client to send the rest again."""
        self._is_refused = True
        last, _ = self.pipeline[0]
        last.keep_alive = False

    def _refuse_head(self) -> None:
        self.refuse(HEAD_TOO_LARGE, too_large(self.open_connections))
