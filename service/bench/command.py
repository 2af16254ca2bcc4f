"""The command `vreid bench`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from service.bench.in_process import embedder_throughput, load_samples, pixels_of
from service.bench.machine import machine_facts
from service.bench.over_http import embed_plan, measure_http
from service.bench.prepared import with_missing
from service.bench.raw_engine import best_throughput, triplet_latency
from service.bench.report import report_lines
from service.bench.samples import as_text, complete_triplets
from service.bench.server_process import free_port, running_server, serve_command
from service.settings import SHIPPED_BUNDLE
from vreid.bundle import Bundle
from vreid.engines import ENGINES, BranchEngine, open_engine

COMPLETE, MISSING = "complete", "some missing"


class Concurrencies(click.ParamType[tuple[int, ...]]):
    """Numbers of connections, separated by commas."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read `1,4,16`."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; give one as in 1,4,16", param, ctx)
        if min(numbers) < 1:
            self.fail(f"{value!r} has a number below 1", param, ctx)
        return numbers


@click.command()
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    default=SHIPPED_BUNDLE,
    help="Model bundle; by default the one that vreid ships with.",
)
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True)
@click.option("--precision", default="auto", show_default=True, help="One of the bundle's.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the engine.")
@click.option("--url", help="Measure the service that runs there, over HTTP only.")
@click.option("--gallery", help="Serve this gallery; by default an empty one that is removed.")
@click.option(
    "--concurrency",
    type=Concurrencies(),
    default=(1, 4, 16, 64),
    help="Connections; by default 1,4,16,64.",
)
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Of each row."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def bench(
    bundle: Path,
    engine: str,
    precision: str,
    threads: int | None,
    url: str | None,
    gallery: str | None,
    concurrency: Sequence[int],
    seconds: float,
    as_json: bool,
) -> None:
    """Measure how fast this machine embeds: the engine alone, in one process, and over HTTP.

    Starts a service of its own on a free port of this machine, unless --url names one. The samples
    are those that vreid ships with; nothing is stored.
    """
    samples = complete_triplets()
    document: dict[str, Any] = {"machine": machine_facts(), "seconds": seconds}
    if url is not None:
        document["url"] = url
        document["http"] = http_rows(url.rstrip("/"), samples, concurrency, seconds)
    else:
        opened = open_engine(Bundle.load(bundle), engine, threads, precision)
        document["engine"] = engine_figures(Bundle.load(bundle), opened, samples, seconds)
        document |= served_figures(bundle, opened, gallery, samples, concurrency, seconds)
    if as_json:
        click.echo(json.dumps(document))
    else:
        for line in report_lines(document):
            click.echo(line)


def engine_figures(
    bundle: Bundle, engine: BranchEngine, paths: Sequence[Mapping[str, Path]], seconds: float
) -> dict[str, Any]:
    """The engine alone, and in the process with decoding."""
    samples = load_samples(paths)
    images = pixels_of(bundle, samples)
    # Also warms up.
    latency = triplet_latency(engine, images, seconds / 2)
    throughput = best_throughput(engine, images, seconds)
    manifest = bundle.manifest
    return {
        "bundle": f"{manifest.name} {manifest.version}",
        "name": engine.name,
        "precision": engine.precision,
        "threads": engine.threads,
        "lanes": engine.lanes,
        "images_per_second": throughput.images_per_second,
        "triplets_per_second": throughput.triplets_per_second,
        "batch_size": throughput.batch_size,
        "triplet_ms": 1000 * latency,
        "in_process_per_second": embedder_throughput(bundle, engine, samples, seconds),
    }


def served_figures(
    bundle: Path,
    engine: BranchEngine,
    gallery: str | None,
    samples: Sequence[Mapping[str, Path]],
    concurrency: Sequence[int],
    seconds: float,
) -> dict[str, Any]:
    """Start-up and load of a service with this engine and precision."""
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        command = serve_command(port, bundle, gallery or Path(scratch) / "gallery")
        with running_server(
            command, port, environment=engine_settings(engine), log=Path(scratch) / "log"
        ) as server:
            rows = http_rows(server.url, samples, concurrency, seconds, server.process)
            return {"ready_seconds": server.ready_seconds, "http": rows}


def engine_settings(engine: BranchEngine) -> dict[str, str]:
    """The service's variables that choose the same engine."""
    return {
        "VREID_ENGINE": engine.name,
        "VREID_PRECISION": engine.precision,
        "VREID_THREADS": str(engine.threads),
    }


def http_rows(
    url: str,
    samples: Sequence[Mapping[str, Path]],
    concurrency: Sequence[int],
    seconds: float,
    process: int | None = None,
) -> list[dict[str, Any]]:
    """Complete triplets, then samples with images missing, each at every concurrency."""
    rows = []
    sets: dict[str, Sequence[Mapping[str, Path]]] = {
        COMPLETE: samples,
        MISSING: with_missing(samples),
    }
    for what, chosen in sets.items():
        for connections in concurrency:
            plan = embed_plan(url, as_text(chosen), connections, seconds)
            figures = measure_http(plan, process).to_json()
            rows.append({"what": what, "concurrency": connections, "figures": figures})
    return rows
