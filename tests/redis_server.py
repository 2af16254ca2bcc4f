"""A real redis-server on a free loopback port, ended by its process id."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.kept_port import kept_port

_START_SECONDS = 20


class RedisServer:
    """One server with a directory of its own; it can be killed and started again."""

    def __init__(self, directory: Path, port: int, **settings: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = port
        self.settings = {"appendonly": "yes", "save": ""} | {
            name.replace("_", "-"): value for name, value in settings.items()
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Return when the server answers; the port is the same at every start."""
        arguments = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        arguments += ["--dir", str(self.directory), "--logfile", str(self.directory / "log")]
        for name, value in self.settings.items():
            arguments += [f"--{name}", value]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_SECONDS
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    assert time.monotonic() < deadline, (self.directory / "log").read_text()
                    assert self._process.poll() is None, (self.directory / "log").read_text()
                    time.sleep(0.02)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server if it runs."""
        self._end(signal.SIGTERM)

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """A client for looking inside."""
        client = redis.Redis(port=self.port, protocol=2, retry=Retry(NoBackoff(), 0))
        try:
            yield client
        finally:
            client.close()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)
            self._process.wait(timeout=30)
        self._process = None


@contextmanager
def running_redis(directory: Path, **settings: str) -> Iterator[RedisServer]:
    """Run a server until the block ends; underscores of `settings` stand for hyphens."""
    with kept_port() as port:
        server = RedisServer(directory, port, **settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
