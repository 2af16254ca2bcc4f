"""The service as a child process: started on a port that is free, waited for, stopped."""

from __future__ import annotations

import select
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
_ANNOUNCEMENT = "vreid listens on "
_ANNOUNCE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_STOP_SECONDS = 30.0
"""More than the service gives its requests to finish."""


class DemoError(ServiceError):
    """The demonstration could not be run."""


def is_free(port: int) -> bool:
    """Whether a service could listen on `port` just now; always so for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def serving(
    bundle: Path, gallery: Path, port: int
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `vreid serve` for the length of the block, on `port` or where that is taken on another.

    Yields the process and the address that it announced, which can be no other service's.

    Raises:
        DemoError: the service ended, or announced no address in time.
    """
    child = _start(bundle, gallery, port if is_free(port) else 0)
    try:
        address = _announced_address(child)
        if address is None and not is_free(port):
            # Another process took the port between the look and the start.
            stop(child)
            child = _start(bundle, gallery, 0)
            address = _announced_address(child)
        if address is None:
            raise _ended(child)
        yield child, address
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
    finally:
        if child.stdout is not None:
            child.stdout.close()


def wait_until_ready(
    client: httpx.Client, child: subprocess.Popen[bytes], timeout: float = 60.0
) -> None:
    """Return when /health/ready answers 200.

    Raises:
        DemoError: the service ended, or was not ready within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            ready = client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            ready = False
        # Looked at last: an answer counts only while the service that should give it is alive.
        if child.poll() is not None:
            raise _ended(child)
        if ready:
            return
        time.sleep(_POLL_SECONDS)
    raise DemoError(f"the service was not ready within {timeout:g} s; see its messages above")


def _start(bundle: Path, gallery: Path, port: int) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-c", "from vreid.cli import main; main()", "serve"),
        *("--bundle", str(bundle), "--gallery", str(gallery)),
        *("--host", HOST, "--port", str(port)),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _announced_address(
    child: subprocess.Popen[bytes], timeout: float = _ANNOUNCE_SECONDS
) -> str | None:
    """Return the address that the service prints, None when it ended without."""
    assert child.stdout is not None
    readable, _, _ = select.select([child.stdout], [], [], timeout)
    if not readable:
        raise DemoError(f"the service did not start within {timeout:g} s; see its messages above")
    line = child.stdout.readline().decode()
    if not line:
        child.wait()
        return None
    return line.removeprefix(_ANNOUNCEMENT).split()[0]


def _ended(child: subprocess.Popen[bytes]) -> DemoError:
    return DemoError(f"the service ended with status {child.returncode}; its messages stand above")
