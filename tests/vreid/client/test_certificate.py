"""A service whose certificate is not accepted is asked once: no waiting changes it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.authority import Authority
from tests.vreid.client.asking import AnyClient, Kind, asking
from vreid.client import ServiceUnreachable


class Presenter:
    """Shows a certificate to whoever connects, and counts them."""

    def __init__(self, directory: Path) -> None:
        signed = Authority(directory).sign("site")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(signed.certificate, signed.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(60)
                if connection.recv(1, socket.MSG_PEEK) == b"e":
                    return
                self.connections += 1
                self._context.wrap_socket(connection, server_side=True).close()

    def close(self) -> None:
        """End the thread by a word of its own."""
        with socket.create_connection(self._listener.getsockname()) as last:
            last.sendall(b"e")
            self._thread.join(timeout=60)
        self._listener.close()
        assert not self._thread.is_alive()


@pytest.fixture
def presenter(tmp_path: Path) -> Iterator[Presenter]:
    presenter = Presenter(tmp_path)
    yield presenter
    presenter.close()


@pytest.mark.parametrize("call", ["info", "wait_until_ready"])
def test_it_is_asked_once_and_the_error_says_what_to_give(
    presenter: Presenter, kind: Kind, call: str
) -> None:
    def ask(client: AnyClient) -> object:
        asked: object = getattr(client, call)()
        return asked

    with (
        asking(kind, presenter.url) as asked,
        pytest.raises(ServiceUnreachable, match="VREID_CA_CERTIFICATE") as caught,
    ):
        asked.ask(ask)
    assert not caught.value.may_pass
    assert presenter.connections == 1
