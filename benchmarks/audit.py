"""What API keys and the audit log cost: the same calls with and without them.

    python -m benchmarks.audit [--seconds 2] [--rounds 5] [--json OUT.json] [--page docs/keys.md]

Two services run, one without keys and one with keys and its audit log; one client process asks
them in turn over eight connections. `--page` puts the table between its marks in a page.
"""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import click

from benchmarks.marked_pages import put_into
from service.bench.machine import machine_facts
from service.bench.process_usage import seconds_between, thread_seconds
from service.bench.server_process import HOST, Server, free_port, running_server, serve_command
from service.keys.key import make_key
from service.keys.key_file import add_key
from service.settings import SHIPPED_BUNDLE

_CONNECTIONS = 8
_SAMPLES = SHIPPED_BUNDLE.parent / "samples" / "query"
_WITHOUT, _WITH = "without keys", "with keys and audit log"


@dataclass(frozen=True)
class Call:
    """A call that is measured: its name, and the bytes of its request without a key."""

    name: str
    line: str
    body: bytes = b""

    def request(self, key: str | None) -> bytes:
        """Return the whole request."""
        head = [self.line, f"Host: {HOST}", f"Content-Length: {len(self.body)}"]
        head += ["Content-Type: application/json"] if self.body else []
        head += [] if key is None else [f"Authorization: Bearer {key}"]
        return "\r\n".join([*head, "", ""]).encode() + self.body


_CALLS = (
    Call("`GET /me`, the cheapest call", "GET /me HTTP/1.1"),
    Call(
        "`POST /search` for a record",
        "POST /search HTTP/1.1",
        json.dumps({"id": "record-0", "k": 5}).encode(),
    ),
)


@dataclass(frozen=True)
class Figures:
    """One call at one service.

    Attributes:
        requests: answered a second.
        cpu_ms: processor milliseconds that the service spent on one.
        audit_cpu_ms: of these in the thread that writes the audit log.
    """

    call: str
    service: str
    requests: float
    cpu_ms: float
    audit_cpu_ms: float


@click.command(help=__doc__.split("\n", maxsplit=1)[0])
@click.option("--seconds", default=2.0, show_default=True, help="Of each measurement.")
@click.option("--rounds", default=5, show_default=True, help="Measurements of each kind.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where the figures go.")
@click.option("--page", type=click.Path(path_type=Path), help="The page that gets the table.")
def main(seconds: float, rounds: int, output: Path | None, page: Path | None) -> None:
    """Measure, print the table and write what was asked for."""
    with tempfile.TemporaryDirectory(prefix="vreid-audit-") as directory:
        figures = measure(Path(directory), seconds, rounds)
    facts = machine_facts()
    machine = f"{facts['processor']}, {facts['processors']} processors"
    text = table(figures, machine)
    click.echo(text)
    if output is not None:
        document = {"machine": facts, "figures": [asdict(each) for each in figures]}
        output.write_text(json.dumps(document, indent=2) + "\n")
    if page is not None:
        put_into(page, "audit", text)


def measure(directory: Path, seconds: float, rounds: int) -> list[Figures]:
    """Return the middle of all rounds, for each call at each service."""
    key, token = make_key("benchmark", "admin")
    keys = directory / "keys.json"
    add_key(keys, key)
    found: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    with (
        _service(directory / "open", {}) as plain,
        _service(directory / "guarded", {"VREID_ACCESS__KEYS": str(keys)}) as guarded,
    ):
        services = ((_WITHOUT, plain, None), (_WITH, guarded, token))
        for _, server, used in services:
            _enrol(server, used)
        for _ in range(rounds):
            for call in _CALLS:
                for name, server, used in services:
                    one = _measured(call, name, server, used, seconds)
                    found[call.name, name].append(one)
    return [_middle(several) for several in found.values()]


def _middle(several: Sequence[Figures]) -> Figures:
    return replace(
        several[0],
        requests=median(each.requests for each in several),
        cpu_ms=median(each.cpu_ms for each in several),
        audit_cpu_ms=median(each.audit_cpu_ms for each in several),
    )


@contextmanager
def _service(gallery: Path, environment: dict[str, str]) -> Iterator[Server]:
    port = free_port()
    command = serve_command(port, SHIPPED_BUNDLE, gallery)
    quiet = {**environment, "VREID_LOG_LEVEL": "warning"}
    with running_server(command, port, environment=quiet) as server:
        yield server


def _enrol(server: Server, key: str | None) -> None:
    """Store a few records, to be searched for."""
    images = {
        name: base64.b64encode((_SAMPLES / f"{name}.jpg").read_bytes()).decode()
        for name in ("rgb", "nir", "tir")
    }
    body = {"samples": [{"id": f"record-{number}", **images} for number in range(6)]}
    request = urllib.request.Request(
        f"{server.url}/gallery",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "X-Deadline-Ms": "60000"},
    )
    if key is not None:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request) as answer:
        answer.read()


def _measured(call: Call, name: str, server: Server, key: str | None, seconds: float) -> Figures:
    port = int(server.url.rsplit(":", 1)[1])
    request = call.request(key)
    before, began = thread_seconds(server.process), time.perf_counter()
    count = asyncio.run(_ask(port, request, seconds))
    took, after = time.perf_counter() - began, thread_seconds(server.process)
    spent = seconds_between(before, after)
    audit = sum(taken for thread, taken in spent.items() if thread.startswith("audit"))
    per_request = 1000 / count
    total = sum(spent.values()) * per_request
    return Figures(call.name, name, count / took, total, audit * per_request)


async def _ask(port: int, request: bytes, seconds: float) -> int:
    """Return how many requests were answered in so many seconds."""
    end = time.monotonic() + seconds
    counts = await asyncio.gather(*(_ask_on_one(port, request, end) for _ in range(_CONNECTIONS)))
    return sum(counts)


async def _ask_on_one(port: int, request: bytes, end: float) -> int:
    reader, writer = await asyncio.open_connection(HOST, port)
    count = 0
    while time.monotonic() < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise click.ClickException(f"the service answered {head.splitlines()[0]!r}")
        length = next(
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        await reader.readexactly(int(length.partition(b":")[2]))
        count += 1
    writer.close()
    await writer.wait_closed()
    return count


def table(figures: Sequence[Figures], machine: str) -> str:
    """Return the figures as Markdown."""
    rows = [
        f"| {each.call} | {each.service} | {each.requests:.0f} | {each.cpu_ms:.2f} | "
        f"{each.audit_cpu_ms:.2f} |"
        for each in figures
    ]
    return "\n".join(
        [
            f"Machine: {machine}. Eight connections; client and service share the processors.",
            "",
            "| call | | requests/s | service CPU ms per request | of these the log's thread |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


if __name__ == "__main__":
    main()
