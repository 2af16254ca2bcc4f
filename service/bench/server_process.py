"""A server as a child process on a free port of this machine: started, waited for, stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.bench.errors import ServerNotReady

HOST = "127.0.0.1"
READY = "/health/ready"

_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        url: scheme, host and port.
        process: its process id; it leads a process group of its own.
        ready_seconds: from its start to its first answer that it is ready.
    """

    url: str
    process: int
    ready_seconds: float


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def serve_command(port: int, bundle: Path, gallery: Path | str, *options: str) -> list[str]:
    """The command line of `vreid serve`."""
    return [
        *(sys.executable, "-c", "from vreid.cli import main; main()", "serve"),
        *("--bundle", str(bundle), "--gallery", str(gallery)),
        *("--host", HOST, "--port", str(port), *options),
    ]


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's variables without those that set up a service, and these beside them."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("VREID_", "PEER_"))}
    return {**kept, **more}


@contextmanager
def running_server(
    command: Sequence[str],
    port: int,
    *,
    ready_path: str = READY,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    log: Path | None = None,
    timeout: float = 120.0,
    stop_seconds: float = 30.0,
) -> Iterator[Server]:
    """Run a server for the length of the block; its children end with it.

    Args:
        command: starts it, listening on `port` of this machine.
        port: from `free_port`.
        ready_path: what answers 200 when the server can work.
        environment: variables beside those of this process; of its own `VREID_*` and `PEER_*` it
            hands down none, so that what is measured is what is said.
        directory: where it runs.
        log: takes what it prints; by default that is dropped, but for the end of it in an error.
        timeout: seconds that it has to become ready.
        stop_seconds: that it has to end when asked to, before it is ended by force.

    Raises:
        ServerNotReady: it ended, or was not ready in time.
    """
    with open(log if log is not None else os.devnull, "ab") as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(environment or {}),
            cwd=directory,
            start_new_session=True,
        )
        try:
            _wait_until_ready(child, port, ready_path, timeout, log)
            ready = time.perf_counter() - started
            yield Server(f"http://{HOST}:{port}", child.pid, ready)
        finally:
            _stop(child, stop_seconds)


def _wait_until_ready(
    child: subprocess.Popen[bytes], port: int, path: str, timeout: float, log: Path | None
) -> None:
    deadline = time.monotonic() + timeout
    while not _answers(port, path):
        if child.poll() is not None:
            raise ServerNotReady(
                f"the server ended with status {child.returncode} before it was ready"
                + _end_of(log)
            )
        if time.monotonic() > deadline:
            raise ServerNotReady(
                f"the server was not ready within {timeout:g} s; is the machine busy?"
                + _end_of(log)
            )
        time.sleep(_POLL_SECONDS)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask the server to end; what is left of its process group after a while is ended by force."""
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _end_of(log: Path | None) -> str:
    if log is None:
        return "; start it by hand to see its messages"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return ": " + " | ".join(lines[-3:]) if lines else "; it printed nothing"
