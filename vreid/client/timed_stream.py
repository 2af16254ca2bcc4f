"""Network streams of which every wait is over when a whole exchange has to be.

httpx bounds each wait by itself: headers that come a byte at a time make it begin anew with each.
An asynchronous exchange is cancelled as a whole; a blocking one has nobody who could cancel it.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_WRITTEN_AT_ONCE = 64 * 1024


class TimeLimit:
    """Until when the calling thread's exchange may last; threads do not share it."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @contextmanager
    def until(self, ends: float | None) -> Iterator[None]:
        """Set it, on the clock of `time.monotonic`, for the length of the block."""
        self._of_thread.ends = ends
        try:
            yield
        finally:
            self._of_thread.ends = None

    def left(self, timeout: float | None) -> float | None:
        """Seconds that a wait of at most `timeout` may last; never 0, which would not wait."""
        ends: float | None = getattr(self._of_thread, "ends", None)
        if ends is None:
            return timeout
        left = max(0.001, ends - time.monotonic())
        return left if timeout is None else min(timeout, left)

    @property
    def is_over(self) -> bool:
        """Whether the exchange has to be over."""
        ends: float | None = getattr(self._of_thread, "ends", None)
        return ends is not None and time.monotonic() >= ends


def limit_streams(http: httpx.Client, limit: TimeLimit) -> None:
    """Have the connections of an httpx client, those by proxies included, keep to a limit.

    httpx takes no backend of httpcore from outside, hence the private names. Where a newer one has
    others, each wait is bounded by itself, as httpx has it.
    """
    mounts = getattr(http, "_mounts", {}).values()
    for transport in (getattr(http, "_transport", None), *mounts):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and isinstance(backend, httpcore.NetworkBackend):
            pool._network_backend = _LimitedBackend(backend, limit)


class _LimitedBackend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, limit: TimeLimit) -> None:
        self._backend = backend
        self._limit = limit

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(
            host, port, self._limit.left(timeout), local_address, socket_options
        )
        return _LimitedStream(stream, self._limit)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _LimitedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, limit: TimeLimit) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._limit.is_over:
            raise httpcore.ReadTimeout("the time of the whole exchange is over")
        return self._stream.read(max_bytes, self._limit.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            if self._limit.is_over:
                raise httpcore.WriteTimeout("the time of the whole exchange is over")
            part = buffer[start : start + _WRITTEN_AT_ONCE]
            self._stream.write(part, self._limit.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._limit.left(timeout))
        return _LimitedStream(stream, self._limit)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - of httpcore
        return self._stream.get_extra_info(info)
