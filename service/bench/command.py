"""The command `vreid bench`."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from service.bench.errors import NoAnswer
from service.bench.in_process import embedder_throughput, load_samples, pixels_of
from service.bench.machine import machine_facts
from service.bench.over_http import ANSWERS, EMBED, MOST_SECONDS, embed_plan, measure_http
from service.bench.plan import LoadFigures
from service.bench.prepared import with_missing
from service.bench.raw_engine import best_throughput, triplet_latency
from service.bench.report import report_lines
from service.bench.samples import as_text, complete_triplets
from service.bench.server_process import free_port, running_server, serve_command
from service.settings import SHIPPED_BUNDLE
from vreid.bundle import Bundle
from vreid.engines import ENGINES, BranchEngine, open_engine

COMPLETE, MISSING = "complete", "some missing"
_KEY = "VREID_API_KEY"


class ServiceAddress(click.ParamType[str]):
    """`http://HOST:PORT` and nothing else."""

    name = "url"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Refuse what the load generator would not send to."""
        address = urlsplit(str(value))
        if address.scheme == "https":
            self.fail("https cannot be measured; give the service's own http address", param, ctx)
        if address.scheme != "http" or not address.hostname:
            self.fail(f"{value!r} is no address; give one as http://127.0.0.1:8000", param, ctx)
        if address.path.strip("/") or address.query or address.username:
            self.fail(f"{value!r} has more than host and port; leave out the rest", param, ctx)
        return str(value).rstrip("/")


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
@click.option(
    "--url",
    type=ServiceAddress(),
    help=f"Measure the service that runs there, over HTTP only; {_KEY} holds its key, if it asks "
    "for one.",
)
@click.option("--gallery", help="Serve this gallery; by default an empty one that is removed.")
@click.option(
    "--concurrency",
    type=Concurrencies(),
    default=(1, 4, 16, 64),
    help="Connections; by default 1,4,16,64.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    help=f"Of each row; it goes on until {ANSWERS} answers came, but not over "
    f"{MOST_SECONDS:.0f} s.",
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
        document["http"] = http_rows(url, samples, concurrency, seconds, headers=key_header())
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


def key_header() -> dict[str, str]:
    """What a service with keys asks for, from the variable that the client reads too."""
    key = os.environ.get(_KEY)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _refused(url: str, load: LoadFigures) -> str:
    answers = ", ".join(f"{status}: {each.count}" for status, each in load.by_status.items())
    said = f"{url}{EMBED} answered nothing with 200 ({answers or 'no answer'})"
    if {"401", "403"} & set(load.by_status):
        return f"{said}; put a key that may search into {_KEY}"
    return f"{said}; look at what the service logs"


def http_rows(
    url: str,
    samples: Sequence[Mapping[str, Path]],
    concurrency: Sequence[int],
    seconds: float,
    process: int | None = None,
    headers: Mapping[str, str] | None = None,
    answers: int = ANSWERS,
    most_seconds: float = MOST_SECONDS,
) -> list[dict[str, Any]]:
    """Complete triplets, then samples with images missing, each at every concurrency.

    Raises:
        NoAnswer: a row has no answer with status 200.
    """
    rows = []
    sets: dict[str, Sequence[Mapping[str, Path]]] = {
        COMPLETE: samples,
        MISSING: with_missing(samples),
    }
    for what, chosen in sets.items():
        for connections in concurrency:
            plan = embed_plan(
                url, as_text(chosen), connections, seconds, headers, answers, most_seconds
            )
            figures = measure_http(plan, process)
            if not figures.load.ok.count:
                raise NoAnswer(_refused(url, figures.load))
            rows.append({"what": what, "concurrency": connections, "figures": figures.to_json()})
    return rows
