"""Measures the service under the profiles of deploy/profiles that need no GPU.

Run: `python -m benchmarks.profiles [--bundle DIR] [--seconds S] [--write]`. Each profile is started
with the bundle and an empty gallery on this machine's processors, asked for triplets at 1 and at 16
connections, and then sent the largest requests that it takes. With --write the figures go to
docs/measured/profiles.json and into docs/profiles.md.
"""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.largest_pictures import largest_samples
from benchmarks.marked_pages import put_into
from deploy.image.env_file import read_env_file
from service.bench.load_process import measure_load
from service.bench.machine import describe, machine_facts
from service.bench.plan import LoadPlan
from service.bench.process_usage import memory
from service.bench.samples import as_text, complete_triplets
from service.bench.server_process import free_port, running_server, serve_command
from service.settings import SHIPPED_BUNDLE

PROFILES = Path("deploy/profiles")
MEASURED = ("edge", "server")
RESULTS = Path("docs/measured/profiles.json")
PAGE = Path("docs/profiles.md")
CONNECTIONS = 16
LARGE_REQUESTS = 24
PATIENT = {"X-Deadline-Ms": "600000"}


def measure(profile: str, bundle: Path, seconds: float, scratch: Path) -> dict[str, Any]:
    """Return the figures of one profile; sizes are in bytes, latencies in milliseconds."""
    environment = read_env_file(PROFILES / f"{profile}.env")
    port = free_port()
    command = serve_command(port, bundle, scratch / profile)
    # The first start on a machine measures the engines and keeps what it found.
    with running_server(command, port, environment=environment):
        pass
    with running_server(command, port, environment=environment) as server:
        resident = memory(server.process).now
        triplets = LoadPlan(
            server.url, "/search", as_text(complete_triplets()), concurrency=1, seconds=seconds
        )
        lone = measure_load(triplets)
        busy = measure_load(
            LoadPlan(
                server.url,
                "/search",
                triplets.samples,
                concurrency=CONNECTIONS,
                seconds=seconds,
            )
        )
        after = memory(server.process).peak
        pictures = scratch / f"{profile}-pictures"
        pictures.mkdir()
        pixels = int(environment["VREID_LIMITS__IMAGE_PIXELS"])
        measure_load(
            LoadPlan(
                server.url,
                "/search",
                largest_samples(pictures, pixels),
                headers=PATIENT,
                concurrency=CONNECTIONS,
                requests=LARGE_REQUESTS,
                warm_up=0,
            )
        )
        return {
            "engine": engine_of(server.url),
            "ready_seconds": server.ready_seconds,
            "resident_bytes": resident,
            "lone_p50_ms": lone.ok.p50_ms,
            "triplets_per_second": busy.per_second,
            "busy_p99_ms": busy.ok.p99_ms,
            "busy_peak_bytes": after,
            "largest_peak_bytes": memory(server.process).peak,
        }


def engine_of(url: str) -> str:
    """Return the name and precision of the engine that the service says it runs."""
    with urllib.request.urlopen(f"{url}/info", timeout=30) as answer:
        engine = json.load(answer)["engine"]
    return f"{engine['name']} {engine['precision']}"


def table(measured: Mapping[str, Mapping[str, Any]], machine: Mapping[str, Any]) -> str:
    """Return the figures as they stand in the page."""
    rows = [
        ("engine and precision that `auto` chose", "engine", "{}", 1),
        ("start to ready, s", "ready_seconds", "{:.1f}", 1),
        ("resident when ready, MiB", "resident_bytes", "{:.0f}", 2**20),
        ("a lone triplet searched, median ms", "lone_p50_ms", "{:.1f}", 1),
        (f"triplets a second, {CONNECTIONS} connections", "triplets_per_second", "{:.0f}", 1),
        ("p99 of these, ms", "busy_p99_ms", "{:.0f}", 1),
        ("most resident under them, MiB", "busy_peak_bytes", "{:.0f}", 2**20),
        ("most resident under the largest requests, MiB", "largest_peak_bytes", "{:.0f}", 2**20),
    ]
    lines = [f"On {describe(dict(machine))}; the shipped bundle, an empty gallery.", ""]
    lines += ["| | " + " | ".join(f"`{name}`" for name in measured) + " |"]
    lines += ["|---|" + "---|" * len(measured)]
    for title, key, form, unit in rows:
        values = [figures[key] for figures in measured.values()]
        shown = [form.format(value if unit == 1 else value / unit) for value in values]
        lines.append(f"| {title} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), default=SHIPPED_BUNDLE)
@click.option("--seconds", default=6.0, show_default=True, help="Of each load.")
@click.option("--write", is_flag=True, help="Write the figures into the documentation.")
def main(bundle: Path, seconds: float, write: bool) -> None:
    """Print a table of the profiles."""
    with tempfile.TemporaryDirectory() as scratch:
        measured = {name: measure(name, bundle, seconds, Path(scratch)) for name in MEASURED}
    machine = machine_facts()
    click.echo(table(measured, machine))
    if write:
        document = {"machine": machine, "profiles": measured}
        RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        put_into(PAGE, "profiles", table(measured, machine))


if __name__ == "__main__":
    main()
