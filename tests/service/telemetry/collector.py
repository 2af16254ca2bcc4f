"""A real OTLP/HTTP receiver on a free loopback port, for tests of traces."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Keeps what it is sent; `hangs` takes requests and answers none until it is told to end.

    Attributes:
        address: without a path.
        paths: that were posted to.
        services: names of the services that sent something.
    """

    def __init__(self, hangs: bool = False) -> None:
        self._spans: list[Span] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self.hangs = hangs
        self.paths: set[str] = set()
        self.services: set[str] = set()
        self.asked = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, name="collector")

    @property
    def address(self) -> str:
        """The URL that reaches it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def spans(self) -> list[Span]:
        """Return the spans that came so far."""
        with self._lock:
            return list(self._spans)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End, with every request that still waits."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, body: bytes) -> None:
        """Keep the spans of one request."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.paths.add(path)
            for resource in request.resource_spans:
                for attribute in resource.resource.attributes:
                    if attribute.key == "service.name":
                        self.services.add(attribute.value.string_value)
                for scope in resource.scope_spans:
                    self._spans.extend(scope.spans)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.asked.set()
                if collector.hangs:
                    collector._ending.wait()
                    self.close_connection = True
                    return
                collector.take(self.path, body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler


@contextmanager
def collecting(hangs: bool = False) -> Iterator[Collector]:
    """Run a collector until the block ends."""
    collector = Collector(hangs)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()
