"""Running the application on a socket until the process is told to stop."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from service.app import create_app
from service.http.draining_server import DrainingServer
from service.running import Running
from service.settings import Settings
from vreid.errors import ConfigurationError

_BACKLOG = 1024

# Seconds for which a thread may keep the interpreter while the event loop waits for it. With
# Python's 5 ms and 16 requests in work, every other probe waited 2 ms and one in a hundred 30; with
# 1 ms it is 0.4 and 13. What is refused is refused as fast.
_SWITCH_SECONDS = 0.0002


def open_socket(settings: Settings) -> socket.socket:
    """Bind and listen, so that a taken port is known before anything else happens.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror}); stop what "
            "listens there, or choose another --port (0 takes a free one)"
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL that reaches a listening socket from this machine."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_server(
    running: Running, listener: socket.socket, announce: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT; requests that run then are finished first.

    Args:
        running: closed when this returns.
        listener: from `open_socket`.
        announce: called just before the first request can be answered.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    announce()
    server = DrainingServer(
        server_config(running), running.draining, running.settings.drain_timeout
    )
    with _clean_exit():
        server.run(sockets=[listener])


def server_config(running: Running) -> uvicorn.Config:
    """Return how to serve: by uvloop and httptools where they are, else by asyncio and h11."""
    return uvicorn.Config(
        create_app(running),
        loop="auto",
        http="auto",
        ws="none",
        # The audit log tells who connected, which a header must not change.
        proxy_headers=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=running.settings.drain_timeout,
        server_header=False,
        date_header=True,
    )


@contextmanager
def _clean_exit() -> Iterator[None]:
    """Leave with status 0 after a signal that was obeyed: uvicorn raises it again when done."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
