import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.deploy.proxy import make_certificate

SCRIPT = Path(__file__).parents[2] / "deploy" / "image" / "healthcheck.py"


@contextmanager
def service_that_answers(status: int, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Serve `status` on /health/ready at the port that is yielded, 404 elsewhere.

    With certificate and key in `tls`, by HTTPS.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def exit_code(port: int, more: Mapping[str, str] | None = None) -> int:
    environment = os.environ | {"VREID_PORT": str(port)} | dict(more or {})
    return subprocess.run([sys.executable, SCRIPT], env=environment, capture_output=True).returncode


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_the_exit_code_says_whether_the_service_is_ready(status: int, expected: int) -> None:
    with service_that_answers(status) as port:
        assert exit_code(port) == expected


def test_a_service_with_a_certificate_is_asked_by_https(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "vreid.site.example")
    with service_that_answers(200, (certificate, key)) as port:
        assert exit_code(port, {"VREID_TLS__CERTIFICATE": str(certificate)}) == 0


def test_nobody_listening_is_not_ready() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert exit_code(unused.getsockname()[1]) == 1
