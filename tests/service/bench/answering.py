"""A small real HTTP server that answers what a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    # Threads are waited for when the server closes, so that no socket is left.
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A load generator hangs up when it is done; that is no fault."""


Responder = Callable[[int, bytes], tuple[int, dict[str, str]]]
"""Number of the request and its body -> status and headers."""


@contextmanager
def answering(respond: Responder) -> Iterator[str]:
    """Serve on a free loopback port for the length of the block; yields the URL."""
    lock = threading.Lock()
    count = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise head and body are two packets, and the second waits for the client.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            nonlocal count
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                number, count = count, count + 1
            status, headers = respond(number, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
