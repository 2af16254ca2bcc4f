"""Running the application on a socket until the process is told to stop."""

from __future__ import annotations

import math
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import uvicorn

from service.http.certificate import Certificate
from service.http.connections import allow_files
from service.http.draining_server import DrainingServer
from service.http.protocols import fastest_protocol
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
    return _url(host, port)


def announcement(listener: socket.socket, scheme: str) -> str:
    """Return what is said of a listening socket: the address it has, and what is there."""
    host, port = listener.getsockname()[:2]
    everywhere = "every address of this machine; " if host in ("0.0.0.0", "::") else ""
    return f"vreid listens on {_url(host, port, scheme)} ({everywhere}console: /, API: /docs)"


def _url(host: str, port: int, scheme: str = "http") -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def run_server(
    running: Running,
    listener: socket.socket,
    certificate: Certificate | None = None,
    announce: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests that run then are finished first.

    Args:
        running: closed when this returns.
        listener: from `open_socket`.
        certificate: for HTTPS, followed until this returns; None for HTTP.
        announce: called just before the first request can be answered.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = running.settings
    allow_files(settings.connections.most)
    server = DrainingServer(
        *(server_config(running), running.draining, settings.drain_timeout),
        bounds=settings.connections,
        certificate=certificate,
    )
    with ExitStack() as ended:
        if certificate is not None:
            certificate.follow()
            ended.callback(certificate.close)
        ended.enter_context(_clean_exit())
        announce()
        server.run(sockets=[listener])


def server_config(running: Running) -> uvicorn.Config:
    """Return how to serve: by uvloop and httptools where they are, else by asyncio and h11."""
    # `vreid serve` imports it beside the opening of the engine.
    from service.app import create_app

    return uvicorn.Config(
        create_app(running),
        loop="auto",
        http=fastest_protocol(),
        ws="none",
        # `client_address` decides whose headers are believed.
        proxy_headers=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=math.ceil(running.settings.connections.head_timeout),
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
