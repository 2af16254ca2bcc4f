"""A real service on a free loopback port, in a thread of the test process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from service.app import create_app
from service.http.server import address_of, open_socket
from service.opening import open_running
from service.running import Running
from service.settings import Settings, load_settings


@contextmanager
def running_service(
    bundle: Path, gallery: Path | str, **settings: object
) -> Iterator[tuple[httpx.Client, Running]]:
    """Serve until the block ends; yields a client and the service's parts."""
    effective = load_settings({"bundle": bundle, "gallery": gallery, "port": 0, **settings})
    listener = open_socket(effective)
    running = open_running(effective)
    server = _Server(running, listener, effective)
    try:
        server.start()
        with httpx.Client(base_url=address_of(listener), timeout=30, trust_env=False) as client:
            yield client, running
    finally:
        server.stop()
        listener.close()


class _Server:
    def __init__(self, running: Running, listener: socket.socket, settings: Settings) -> None:
        config = uvicorn.Config(create_app(running), log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="service"
        )

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline, "the service did not start"
            assert self._thread.is_alive(), "the service ended at start-up"
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), "the service did not stop"
