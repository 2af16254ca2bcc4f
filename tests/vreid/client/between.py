"""A real HTTP server between a client and a service, which does to requests what networks do."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_PATIENCE = 60


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Between:
    """Passes requests on, but for those that `next` says otherwise about, first come first.

    Attributes:
        received: every request, in order.
        answered: the status of every answer that was given, in order.
    """

    def __init__(self, service: str | None, address: str) -> None:
        self.url = address
        self.received: list[Received] = []
        self.answered: list[int] = []
        self.released = threading.Event()
        self._service = service
        self._client = httpx.Client(timeout=30, trust_env=False, verify=False)
        self._behaviours: deque[Behaviour] = deque()

    def next(self, *behaviours: "Behaviour") -> None:
        """Do these to the next requests."""
        self._behaviours.extend(behaviours)

    def handle(self, handler: "_Handler", request: Received) -> None:
        """Do to a request what is to be done."""
        self.received.append(request)
        behaviour = self._behaviours.popleft() if self._behaviours else forward
        behaviour(self, handler, request)

    def ask_service(self, request: Received) -> httpx.Response:
        """The service's own answer."""
        assert self._service is not None
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("host", "connection", "content-length", "accept-encoding")
        }
        return self._client.request(
            request.method, self._service + request.path, headers=headers, content=request.body
        )

    def close(self) -> None:
        """Close the connections to the service."""
        self._client.close()


Behaviour = Callable[[Between, "_Handler", Received], None]


def forward(between: Between, handler: "_Handler", request: Received) -> None:
    """Pass the request on and the answer back."""
    answer = between.ask_service(request)
    passed = ("content-type", "retry-after", "x-request-id", "location")
    headers = {name: answer.headers[name] for name in passed if name in answer.headers}
    handler.answer(answer.status_code, headers, answer.content)


def lose_answer(between: Between, handler: "_Handler", request: Received) -> None:
    """Pass the request on and hang up without an answer."""
    between.ask_service(request)
    handler.hang_up()


def hang_up(between: Between, handler: "_Handler", request: Received) -> None:
    """Hang up; the service never sees the request."""
    handler.hang_up()


def keep_waiting(between: Between, handler: "_Handler", request: Received) -> None:
    """Say nothing until the test is over."""
    between.released.wait(_PATIENCE)
    handler.hang_up()


def drip(between: Between, handler: "_Handler", request: Received) -> None:
    """Begin an answer and send a byte of it now and then, until the test is over."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not between.released.wait(0.02):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return


def drip_headers(between: Between, handler: "_Handler", request: Received) -> None:
    """Begin an answer and send a byte of a header now and then, until the test is over."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not between.released.wait(0.02):
        try:
            handler.wfile.write(b"x")
            handler.wfile.flush()
        except OSError:
            return


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer so; underscores in names of headers stand for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}

    def behave(between: Between, handler: "_Handler", request: Received) -> None:
        handler.answer(status, given, body)

    return behave


def problem(status: int, slug: str, **headers: str) -> Behaviour:
    """Answer with a problem as the service writes them."""
    document = {
        "type": f"urn:vreid:problem:{slug}",
        "title": "It is so",
        "status": status,
        "detail": "do something else",
        "request_id": "r1",
    }
    body = json.dumps(document).encode()
    return answer(status, body, Content_Type="application/problem+json", **headers)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    between: Between

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.between.handle(self, Received(self.command, self.path, dict(self.headers), body))

    do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.between.answered.append(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def standing_between(service: str | None, port: int = 0) -> Iterator[Between]:
    """Stand before a service, or before none, until the block ends."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = False
    server.block_on_close = False
    between = Between(service, f"http://127.0.0.1:{server.server_address[1]}")
    Handler.between = between
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield between
    finally:
        between.released.set()
        server.shutdown()
        thread.join(timeout=_PATIENCE)
        server.server_close()
        between.close()
