"""Clients that take a large answer late, from a server of its own and by HTTP or HTTPS."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.responses import Response

from service.http.certificate import Certificate
from service.http.connection_settings import ConnectionSettings
from service.http.draining import Draining
from service.http.draining_server import DrainingServer
from service.http.protocols import fastest_protocol
from tests.e2e.authority import Authority

PATIENCE = 60.0
ANSWER = bytes(16 * 2**20)
"""More than the system takes over from the service."""
BOUNDS = ConnectionSettings(head_timeout=1, write_timeout=PATIENCE)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def server(certificate: Certificate | None) -> Iterator[tuple[str, int]]:
    """Answer everything with much until the block ends; yields where."""
    config = uvicorn.Config(
        Response(ANSWER), http=fastest_protocol(), lifespan="off", log_config=None, access_log=False
    )
    serving = DrainingServer(config, Draining(), 0, BOUNDS, certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            serving.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_an_answer_is_sent_whole_to_a_client_that_takes_it_late(
    authority: Authority, is_secure: bool, ending: bytes
) -> None:
    """Later than a connection may be silent."""
    certificate = None
    if is_secure:
        signed = authority.sign("site")
        certificate = Certificate(signed.certificate, signed.key)
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + ending + b"\r\n"
    with (
        server(certificate) as address,
        connected(address, authority.certificate if is_secure else None) as late,
    ):
        late.sendall(request)
        first = late.recv(1)
        # One that begins later is ended for its silence first.
        with socket.create_connection(address, timeout=PATIENCE) as silent:
            wait_for_the_end(silent)
        received = len(first)
        while received < len(ANSWER):
            part = late.recv(2**20)
            assert part, f"{received} bytes of {len(ANSWER)} came"
            received += len(part)


@contextmanager
def connected(address: tuple[str, int], trusted: Path | None) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=PATIENCE) as plain:
        if trusted is None:
            yield plain
            return
        trusting = ssl.create_default_context(cafile=trusted)
        with trusting.wrap_socket(plain, server_hostname="localhost") as secure:
            yield secure


def wait_for_the_end(connection: socket.socket) -> None:
    deadline = time.monotonic() + PATIENCE
    try:
        while connection.recv(65536):
            assert time.monotonic() < deadline
    except ConnectionResetError:
        return
