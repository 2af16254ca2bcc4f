"""The service as a child process: started on a free port, waited for, stopped."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.errors import ServiceError

HOST = "127.0.0.1"
_POLL_SECONDS = 0.1
_STOP_SECONDS = 30.0
"""More than the service gives its requests to finish."""


class DemoError(ServiceError):
    """The demonstration could not be run."""


def free_port(preferred: int) -> int:
    """Return `preferred` when nothing listens there, else a port that is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("no port is free on this machine; stop a service that you do not need")


@contextmanager
def serving(bundle: Path, gallery: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `vreid serve` for the length of the block."""
    command = [
        *(sys.executable, "-c", "from vreid.cli import main; main()", "serve"),
        *("--bundle", str(bundle), "--gallery", str(gallery)),
        *("--host", HOST, "--port", str(port)),
    ]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield child
    finally:
        stop(child)


def stop(child: subprocess.Popen[bytes], patience: float = _STOP_SECONDS) -> None:
    """End the process: ask it first, and end it by force after `patience` seconds."""
    child.terminate()
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def wait_until_ready(
    client: httpx.Client, child: subprocess.Popen[bytes], timeout: float = 60.0
) -> None:
    """Return when /health/ready answers 200.

    Raises:
        DemoError: the service ended, or was not ready within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise DemoError(
                f"the service ended with status {child.returncode}; its messages stand above"
            )
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(_POLL_SECONDS)
    raise DemoError(f"the service was not ready within {timeout:g} s; see its messages above")
