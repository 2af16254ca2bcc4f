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

_GOODBYE_SECONDS = 1.0
"""For which the end of TLS waits for the client's: one that is silent must not hold up a stop."""

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """What is known of a connection; told apart by identity."""

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not taken yet."""

    @property
    def is_closing(self) -> bool:
        """Whether it ends once these are sent."""

    def abort(self) -> None:
        """Drop it with what is left to send."""


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
        self._leaving: dict[Connection, float] = {}

    def __len__(self) -> int:
        """Number of open connections."""
        return len(self._waiting) + len(self._asking)

    @property
    def head_bytes(self) -> int:
        """Bytes that a request's line and headers may have."""
        return self._settings.head_bytes

    def opened(self, connection: Connection) -> bool:
        """Count a new connection; returns whether there is room for it.

        Where there are too many, the one goes that has asked for nothing the longest. One that is
        counted already, as after the handshake of TLS, waits anew.
        """
        known = self._waiting.pop(connection, None) is not None
        if not known and len(self) >= self._settings.most and not self._make_room():
            return False
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
        self._leaving.pop(connection, None)

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
            if not self._takes_an_answer(connection):
                self._end(connection)
        for connection in (*self._asking, *self._waiting):
            self._look_at_answer(connection, now)

    def _make_room(self) -> bool:
        for connection in list(self._waiting):
            if not self._takes_an_answer(connection):
                self._end(connection)
                return True
        return False

    def _takes_an_answer(self, connection: Connection) -> bool:
        """Tell whether a client that waits has an answer to take first, and begins to wait then.

        An answer is handed over whole, long before a slow client has it.
        """
        if not connection.unsent:
            return False
        del self._waiting[connection]
        self._waiting[connection] = self._now()
        return True

    def _now(self) -> float:
        """Return the seconds in which the service has listened."""
        return self._clock() - self._stood_still

    def _look_at_answer(self, connection: Connection, now: float) -> None:
        """End a connection whose client takes nothing of its answer any more, or has it all."""
        left = connection.unsent
        if not left:
            self._untaken.pop(connection, None)
            if connection.is_closing and self._leaves_for_too_long(connection, now):
                self._end(connection)
            return
        before, since = self._untaken.get(connection, (left, now))
        if left > before or before - left >= _LEAST_TAKEN:
            before, since = left, now
        self._untaken[connection] = before, since
        if since + self._settings.write_timeout <= now:
            self._end(connection)

    def _leaves_for_too_long(self, connection: Connection, now: float) -> bool:
        return self._leaving.setdefault(connection, now) + _GOODBYE_SECONDS <= now

    def _end(self, connection: Connection) -> None:
        """Drop a connection and what is left to send; a client that is slow waits for nothing."""
        self.closed(connection)
        connection.abort()


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
