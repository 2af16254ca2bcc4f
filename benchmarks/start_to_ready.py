"""Measures how long `vreid serve` takes from the start of its process to its first readiness.

Run: `python -m benchmarks.start_to_ready [--records N] [--engine NAME] [--rounds N] [--write]`.
Stores N records of three modalities for the shipped bundle, then starts the service, each time with
a gallery and a cache of engines (`XDG_CACHE_HOME`) that are as the row says, and asks /health/ready
until it answers 200. The system's own cache is warm. With --write the figures go to
docs/measured/start_to_ready.json.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.start_up import store_records
from service.bench.process_usage import memory
from service.bench.server_process import free_port, running_server, serve_command
from service.settings import SHIPPED_BUNDLE
from vreid.bundle import Bundle
from vreid.engines.processors import usable_processors

RESULTS = Path("docs/measured/start_to_ready.json")


@dataclass(frozen=True)
class Case:
    """A way to start: what there is from an earlier start."""

    name: str
    has_index: bool
    has_engine_cache: bool


CASES = (
    Case("as every day", has_index=True, has_engine_cache=True),
    Case("first on this machine", has_index=True, has_engine_cache=False),
    Case("first after an import", has_index=False, has_engine_cache=True),
    Case("first of all", has_index=False, has_engine_cache=False),
)


@contextmanager
def serving(
    gallery: Path, cache: Path, engine: str, bundle: Path = SHIPPED_BUNDLE
) -> Iterator[tuple[float, int]]:
    """Run the service; yields seconds from its start to its readiness, and its process id.

    Raises:
        ServerNotReady: it ended, or was not ready in time.
    """
    port = free_port()
    command = serve_command(port, bundle, gallery, "--engine", engine)
    environment = {"XDG_CACHE_HOME": str(cache), "VREID_LOG_LEVEL": "warning"}
    log = cache.with_suffix(".log")
    with running_server(command, port, environment=environment, log=log, timeout=60) as server:
        yield server.ready_seconds, server.process


def measure_all(
    engine: str, records: int, rounds: int, directory: Path | None = None
) -> dict[str, Any]:
    """Store the records, and measure every case."""
    manifest = Bundle.load(SHIPPED_BUNDLE).manifest
    with tempfile.TemporaryDirectory(dir=directory) as made:
        scratch = Path(made)
        stored = scratch / "stored"
        store_records(stored, records, manifest.fingerprint, manifest.feature_size, modalities=3)
        return {
            "records": records,
            "engine": engine,
            "rounds": rounds,
            "processors": usable_processors(),
            "starts": measure(stored, engine, rounds, scratch),
        }


def measure(stored: Path, engine: str, rounds: int, scratch: Path) -> list[dict[str, Any]]:
    """Median seconds and peak memory in bytes of every case, over a few rounds."""
    # What a start leaves: the files of the index, and what is known about engines.
    with_index, warm_cache = scratch / "with-index", scratch / "warm-cache"
    shutil.copytree(stored, with_index)
    with serving(with_index, warm_cache, engine):
        pass
    measured: dict[str, list[tuple[float, int]]] = {case.name: [] for case in CASES}
    for _ in range(rounds):
        for case in CASES:
            gallery, cache = scratch / "gallery", scratch / "cache"
            shutil.copytree(with_index if case.has_index else stored, gallery)
            if case.has_engine_cache:
                shutil.copytree(warm_cache, cache, dirs_exist_ok=True)
            os.sync()
            with serving(gallery, cache, engine) as (seconds, process):
                measured[case.name].append((seconds, memory(process).peak))
            shutil.rmtree(gallery)
            shutil.rmtree(cache, ignore_errors=True)
    return [
        {
            "case": case.name,
            "index": case.has_index,
            "engine_cache": case.has_engine_cache,
            "seconds": statistics.median(seconds for seconds, _ in measured[case.name]),
            "slowest": max(seconds for seconds, _ in measured[case.name]),
            "peak_bytes": max(peak for _, peak in measured[case.name]),
        }
        for case in CASES
    ]


def table_of(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{result['records']:,} records of three modalities, the shipped bundle, engine "
        f"`{result['engine']}`, {result['processors']} processors; {result['rounds']} rounds.",
        "",
        "| start | index on disk | engine chosen before | seconds to ready | slowest | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    words = {True: "yes", False: "no"}
    lines += [
        f"| {each['case']} | {words[each['index']]} | {words[each['engine_cache']]} | "
        f"{each['seconds']:.2f} | {each['slowest']:.2f} | {each['peak_bytes'] / 1e6:.0f} |"
        for each in result["starts"]
    ]
    return "\n".join(lines)


@click.command()
@click.option("--records", default=10_000, show_default=True)
@click.option("--engine", default="auto", show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path), help="Where galleries are made.")
@click.option("--write", is_flag=True, help=f"Into {RESULTS}.")
def main(records: int, engine: str, rounds: int, directory: Path | None, write: bool) -> None:
    """Measure the start of the service."""
    result = measure_all(engine, records, rounds, directory)
    click.echo(table_of(result))
    if write:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
