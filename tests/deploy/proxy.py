"""Caddy with deploy/proxy/Caddyfile on free loopback ports, ended by its process id."""

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.kept_port import kept_port

CADDYFILE = Path(__file__).parents[2] / "deploy" / "proxy" / "Caddyfile"
_START_SECONDS = 240


@dataclass
class Proxy:
    """A running proxy: where it listens, its folder, its CA, and a client that trusts it alone."""

    address: str
    folder: Path
    authority: Path
    client: httpx.Client


@contextmanager
def proxying(upstream: str, folder: Path, variables: Mapping[str, str]) -> Iterator[Proxy]:
    """Run Caddy before `upstream`, a host and port, until the block ends.

    Args:
        upstream: the service's address without scheme.
        folder: empty; what the proxy keeps.
        variables: set over those that a test needs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with kept_port() as port, kept_port() as health:
        yield from _proxying(upstream, folder, variables, port, health)


def _proxying(
    upstream: str, folder: Path, variables: Mapping[str, str], port: int, health: int
) -> Iterator[Proxy]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "VREID_PROXY_LISTEN": str(port),
        "VREID_PROXY_HEALTH": str(health),
        "VREID_PROXY_UPSTREAM": upstream,
        **variables,
    }
    log = folder / "log"
    arguments = ["caddy", "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    with log.open("w") as output:
        process = subprocess.Popen(
            arguments, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            _wait_until(lambda: _answers(f"http://127.0.0.1:{health}/"), process, log)
            name = environment.get("VREID_PROXY_NAME", "localhost")
            authority = _authority(folder, variables)
            _wait_until(authority.exists, process, log)
            context = ssl.create_default_context(cafile=authority)
            address = f"https://{name}:{port}"
            with httpx.Client(
                base_url=address, verify=context, timeout=60, trust_env=False
            ) as client:
                yield Proxy(address, folder, authority, client)
        finally:
            process.terminate()
            process.wait(timeout=60)


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Return a certificate that vouches for itself and its key, as a site may bring them."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "site.crt", folder / "site.key"
    program = shutil.which("openssl")
    assert program is not None
    subprocess.run(
        [
            *(program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "30", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def _authority(folder: Path, variables: Mapping[str, str]) -> Path:
    given = variables.get("VREID_PROXY_TLS", "internal")
    if given == "internal":
        return folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    return Path(given.split()[0])


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
