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
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import click

from benchmarks.start_up import store_records
from service.settings import SHIPPED_BUNDLE
from vreid.bundle import Bundle
from vreid.engines.processors import usable_processors

RESULTS = Path("docs/measured/start_to_ready.json")
HOST = "127.0.0.1"
_PATIENCE = 120.0
_POLL_SECONDS = 0.005


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
def serving(gallery: Path, cache: Path, engine: str) -> Iterator[tuple[float, int]]:
    """Run the service; yields seconds from its start to its readiness, and its process id.

    Raises:
        RuntimeError: it ended, or was not ready in time.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vreid", "serve", "--port", str(port)),
        *("--gallery", str(gallery), "--engine", engine),
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "VREID_LOG_LEVEL": "warning"}
    started = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not _is_ready(port):
            if child.poll() is not None:
                raise RuntimeError(f"the service ended with status {child.returncode}")
            if time.perf_counter() - started > _PATIENCE:
                raise RuntimeError(f"the service was not ready within {_PATIENCE:g} s")
            time.sleep(_POLL_SECONDS)
        yield time.perf_counter() - started, child.pid
    finally:
        child.terminate()
        child.wait()


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
                measured[case.name].append((seconds, _peak_bytes(process)))
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


def _is_ready(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _peak_bytes(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


@click.command()
@click.option("--records", default=10_000, show_default=True)
@click.option("--engine", default="auto", show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path), help="Where galleries are made.")
@click.option("--write", is_flag=True, help=f"Into {RESULTS}.")
def main(records: int, engine: str, rounds: int, directory: Path | None, write: bool) -> None:
    """Measure the start of the service."""
    manifest = Bundle.load(SHIPPED_BUNDLE).manifest
    with tempfile.TemporaryDirectory(dir=directory) as made:
        scratch = Path(made)
        stored = scratch / "stored"
        store_records(stored, records, manifest.fingerprint, manifest.feature_size, modalities=3)
        result = {
            "records": records,
            "engine": engine,
            "rounds": rounds,
            "processors": usable_processors(),
            "starts": measure(stored, engine, rounds, scratch),
        }
    click.echo(table_of(result))
    if write:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
