"""Real `vreid` processes on free ports, stopped by process id."""

import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_START_SECONDS = 60
_ANNOUNCEMENT = "vreid listens on "


@dataclass
class ServiceProcess:
    """A running `vreid serve`: its process, its address, and a client of it."""

    process: subprocess.Popen[str]
    address: str
    client: httpx.Client
    log: Path

    def kill(self) -> None:
        """End the process as a power cut would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> int:
        """Ask the process to end; returns its exit status."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(timeout=60)


def vreid(
    *arguments: str | Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a `vreid` command to its end."""
    return subprocess.run(
        command(arguments),
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment() | (environment or {}),
    )


@contextmanager
def serving(
    bundle: Path,
    gallery: Path,
    *options: str,
    environment: dict[str, str] | None = None,
    verify: ssl.SSLContext | bool = True,
) -> Iterator[ServiceProcess]:
    """Run `vreid serve` on a free port until the block ends; it is ready when the block begins.

    `verify` is how its client looks at its certificate.
    """
    arguments: list[str | Path] = ["serve", "--bundle", bundle, "--gallery", gallery]
    arguments += ["--port", "0", *options]
    with tempfile.NamedTemporaryFile(prefix="vreid-service-", suffix=".log") as log:
        process = subprocess.Popen(
            command(arguments),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=clean_environment() | (environment or {}),
        )
        try:
            address = _announced_address(process, Path(log.name))
            with httpx.Client(
                base_url=address, timeout=30, trust_env=False, verify=verify
            ) as client:
                service = ServiceProcess(process, address, client, Path(log.name))
                wait_until_ready(service)
                yield service
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=60)
            assert process.stdout is not None
            process.stdout.close()


def wait_until_ready(service: ServiceProcess) -> None:
    """Return when the service can search."""
    deadline = time.monotonic() + _START_SECONDS
    while service.client.get("/health/ready").status_code != 200:
        assert time.monotonic() < deadline, service.log.read_text()
        time.sleep(0.05)


def wait_until_not_ready(service: ServiceProcess) -> None:
    """Return when the service has noticed that it is to end."""
    deadline = time.monotonic() + _START_SECONDS
    while service.client.get("/health/ready").status_code == 200:
        assert time.monotonic() < deadline, "the service did not notice the signal"
        time.sleep(0.01)


def command(arguments: Sequence[str | Path]) -> list[str]:
    """Return the command line of a `vreid` command in this environment."""
    start = "from vreid.cli import main; main()"
    return [sys.executable, "-c", start, *map(str, arguments)]


def clean_environment() -> dict[str, str]:
    """Return this process's environment without the service's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VREID_")}


def _announced_address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(_ANNOUNCEMENT), f"{line}{log.read_text()}"
    return line.removeprefix(_ANNOUNCEMENT).split()[0]
