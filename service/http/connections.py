"""The open connections of a server, kept within bounds of number and time.

A client that connects and asks nothing, sends its request a byte a minute, or takes nothing of its
answer would else hold a place for ever. Bodies have their own bounds, in `service.requests`.
"""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable
from typing import Protocol

from service.http.connection_settings import ConnectionSettings

_FILES_BESIDE = 1024
"""Files that the rest of the service may have open."""

_LEAST_TAKEN = 4096
"""Bytes of its answer that a client takes in `write_timeout` seconds, to be called alive."""

_LONGEST_GAP = 1.5
"""Seconds between two sweeps of a service that is not held up."""

logger = logging.getLogger(__name__)


class Outgoing(Protocol):
    """What a connection's answers go to."""

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the client has not taken yet."""

    def abort(self) -> None:
        """Drop the connection."""


class Connection(Protocol):
    """What is known of a connection; told apart by identity."""

    @property
    def transport(self) -> Outgoing:
        """What its answers go to."""


class Connections:
    """All connections of one server; used from the event loop's thread only."""

    def __init__(
        self, settings: ConnectionSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._swept = clock()
        self._stood_still = 0.0
        # The one that has asked for nothing the longest comes first in both.
        self._waiting: dict[Connection, float] = {}
        self._asking: set[Connection] = set()
        self._untaken: dict[Connection, tuple[int, float]] = {}

    def __len__(self) -> int:
        """Number of open connections."""
        return len(self._waiting) + len(self._asking)

    @property
    def head_bytes(self) -> int:
        """Bytes that a request's line and headers may have."""
        return self._settings.head_bytes

    def opened(self, connection: Connection) -> bool:
        """Count a new connection; returns whether there is room for it.

        Where there are too many, the one goes that has asked for nothing the longest.
        """
        if len(self) >= self._settings.most:
            if not self._waiting:
                return False
            self._end(next(iter(self._waiting)))
        self._waiting[connection] = self._now()
        return True

    def asks(self, connection: Connection) -> None:
        """A request's head has arrived and is being answered."""
        if self._waiting.pop(connection, None) is not None:
            self._asking.add(connection)

    def waits(self, connection: Connection) -> None:
        """The answer was handed over; the next request may come."""
        if connection in self._asking:
            self._asking.discard(connection)
            self._waiting[connection] = self._now()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._waiting.pop(connection, None)
        self._asking.discard(connection)
        self._untaken.pop(connection, None)

    def sweep(self) -> None:
        """End the connections that took too long; to be called about once a second.

        Time in which nobody called it does not count: what clients sent then was not read either.
        """
        at = self._clock()
        self._stood_still += max(0.0, at - self._swept - _LONGEST_GAP)
        self._swept = at
        now = self._now()
        for connection, since in list(self._waiting.items()):
            if since + self._settings.head_timeout > now:
                break
            self._end(connection)
        for connection in (*self._asking, *self._waiting):
            self._look_at_answer(connection, now)

    def _now(self) -> float:
        """Return the seconds in which the service has listened."""
        return self._clock() - self._stood_still

    def _look_at_answer(self, connection: Connection, now: float) -> None:
        """End a connection whose client takes nothing of its answer any more."""
        left = connection.transport.get_write_buffer_size()
        if not left:
            self._untaken.pop(connection, None)
            return
        before, since = self._untaken.get(connection, (left, now))
        if left > before or before - left >= _LEAST_TAKEN:
            before, since = left, now
        self._untaken[connection] = before, since
        if since + self._settings.write_timeout <= now:
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        """Drop a connection and what is left to send; a client that is slow waits for nothing."""
        self.closed(connection)
        connection.transport.abort()


def allow_files(connections: int) -> None:
    """Let this process have so many connections beside its other files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FILES_BESIDE
    if soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        logger.warning(
            "this process may open %d files and %d connections may need more; raise its limit "
            "(LimitNOFILE=, ulimits:), or lower VREID_CONNECTIONS__MOST",
            *(most, connections),
        )
