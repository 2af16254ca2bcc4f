"""A real milvus-lite server on a free loopback port, ended by its process id."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kept_port import kept_port

_START_SECONDS = 60

# One thread, because its engine takes changes from one thread at a time only.
_PROGRAM = """
import sys
from milvus_lite.adapter.grpc.server import run_server
run_server(sys.argv[1], "127.0.0.1", int(sys.argv[2]), max_workers=1)
"""


class MilvusServer:
    """One server with a directory of its own; it can be killed and started again."""

    def __init__(self, directory: Path, port: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def address(self, name: str) -> str:
        """The address of a gallery on it."""
        return f"milvus://127.0.0.1:{self.port}/{name}?index=FLAT"

    def start(self) -> None:
        """Return when the server takes connections; the port is the same at every start."""
        log = self.directory / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(self.directory / "data"), str(self.port)],
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, log.read_text()
                assert self._process.poll() is None, log.read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(sign)
            process.wait(timeout=30)


@contextmanager
def milvus_server(directory: Path) -> Iterator[MilvusServer]:
    """A server that runs until the block ends."""
    with kept_port() as port:
        server = MilvusServer(directory, port)
        try:
            server.start()
            yield server
        finally:
            server.kill()
