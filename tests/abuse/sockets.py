"""Requests written byte by byte on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from urllib.parse import urlsplit

PATIENCE = 60.0
"""Seconds after which a service that says nothing has failed; it never takes so long."""


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    """Hold a connection to a service."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as connection:
        yield connection


def answers(address: str, request: bytes, method: str = "GET") -> list[tuple[int, bytes]]:
    """Send bytes and return status and whole text of each answer until the service closes.

    The request has to make the service close: by `Connection: close`, or by being none.
    """
    with connected(address) as connection:
        # It may have closed already; what it said can still be read.
        with suppress(OSError):
            connection.sendall(request)
        return read_answers(connection, method)


def read_answers(connection: socket.socket, method: str = "GET") -> list[tuple[int, bytes]]:
    """Return status and whole text, head and body, of each answer until the service closes."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    found = []
    while received:
        status, length = _whole(received, method)
        if 100 <= status < 200:
            length = received.index(b"\r\n\r\n") + 4
        found.append((status, received[:length]))
        received = received[length:]
    return found


def _whole(received: bytes, method: str) -> tuple[int, int]:
    """Status and length of the first answer."""
    near, far = socket.socketpair()
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, len(received) + 2**16)
        head, _, rest = received.partition(b"\r\n\r\n")
        far.sendall(head + b"\r\n\r\n")
        far.shutdown(socket.SHUT_WR)
        with HTTPResponse(near, method=method) as response:
            try:
                response.begin()
            except HTTPException as error:
                raise AssertionError(f"no answer of HTTP: {received[:200]!r}") from error
            if response.chunked:
                end = rest.index(b"0\r\n\r\n") + 5
                return response.status, len(head) + 4 + end
            return response.status, len(head) + 4 + (response.length or 0)
