"""Measures one search method in a process of its own, so that its memory is its own.

Run by `benchmarks.search`: `python -m benchmarks.search_measuring METHOD FOLDER ...` prints one
line of JSON. Building and single queries are bound to one processor, whatever threads the method
has; queries from two threads have all processors.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.search_data import NEIGHBOURS, SearchData
from benchmarks.search_methods import METHODS, Method, method_class

THREADS = 2

_ADDED_AT_ONCE = 512
_WARMING_QUERIES = 20


def recall(found: list[NDArray[np.int64]], true: NDArray[np.int64], depth: int) -> float:
    """Mean share of the `depth` true neighbours among the first `depth` found."""
    shares = [
        np.isin(wanted[:depth], rows[:depth]).mean()
        for rows, wanted in zip(found, true, strict=True)
    ]
    return float(np.mean(shares))


def bind_to(processors: set[int]) -> None:
    """Let every thread of this process run on these processors only, also those to come."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), processors)


def measure(
    name: str,
    data: SearchData,
    *,
    build_cap: float,
    least_recall: float,
    seconds: float,
) -> dict[str, Any]:
    """The figures of one method: of the first effort that reaches the recall, else of the last."""
    faiss.omp_set_num_threads(1)
    processors = os.sched_getaffinity(0)
    bind_to({min(processors)})
    queries, true = data.queries, data.neighbours
    before = _private_bytes()
    method: Method = method_class(name)(data.count, data.parts, data.feature_size)
    started = time.perf_counter()
    added = _build(method, data, started + build_cap)
    result: dict[str, Any] = {
        "method": name,
        "rows": added,
        "build_seconds": round(time.perf_counter() - started, 1),
        "built": added == data.count,
    }
    if not result["built"]:
        return result
    result["index_bytes"] = method.nbytes
    for query in queries[:_WARMING_QUERIES]:
        method.search(query)
    result["resident_bytes"] = _private_bytes() - before
    reached, found = 0.0, list[NDArray[np.int64]]()
    for effort in method.efforts:
        method.set_effort(effort)
        found = [method.search(query) for query in queries]
        reached = recall(found, true, NEIGHBOURS)
        if reached >= least_recall:
            break
    latencies = _latencies(method, queries, seconds)
    bind_to(processors)
    return {
        **result,
        "effort": effort,
        "recall_1": recall(found, true, 1),
        "recall_20": reached,
        "p50_ms": round(1000 * float(np.percentile(latencies, 50)), 3),
        "p99_ms": round(1000 * float(np.percentile(latencies, 99)), 3),
        "queries_timed": len(latencies),
        "queries_per_second_2_threads": round(_throughput(method, queries, seconds), 1),
    }


def _build(method: Method, data: SearchData, deadline: float) -> int:
    """Add the vectors until all are in or the time is up; return how many are."""
    added = 0
    for block in data.blocks():
        for first in range(0, len(block), _ADDED_AT_ONCE):
            if time.perf_counter() > deadline:
                return added
            part = block[first : first + _ADDED_AT_ONCE]
            method.add(part)
            added += len(part)
    method.finish()
    return added


def _latencies(method: Method, queries: NDArray[np.float32], seconds: float) -> list[float]:
    """Seconds of each query, one after the other; each query at least once."""
    latencies: list[float] = []

    def note(query: NDArray[np.float32]) -> None:
        started = time.perf_counter()
        method.search(query)
        latencies.append(time.perf_counter() - started)

    _repeat(note, queries, time.perf_counter() + seconds, at_least=len(queries))
    return latencies


def _throughput(method: Method, queries: NDArray[np.float32], seconds: float) -> float:
    """Queries a second from two threads."""
    done = [0] * THREADS
    started = time.perf_counter()

    def work(thread: int) -> None:
        done[thread] = _repeat(method.search, queries, started + seconds, at_least=10)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


def _repeat(
    call: Callable[[NDArray[np.float32]], object],
    queries: NDArray[np.float32],
    deadline: float,
    *,
    at_least: int,
) -> int:
    count = 0
    while count < at_least or time.perf_counter() < deadline:
        call(queries[count % len(queries)])
        count += 1
    return count


def _private_bytes() -> int:
    """Memory of this process that is no file's."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status", encoding="ascii") as lines:
        kilobytes = next(line.split()[1] for line in lines if line.startswith("RssAnon:"))
    return 1024 * int(kilobytes)


@click.command()
@click.argument("method", type=click.Choice(METHODS))
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--build-cap", type=float, required=True)
@click.option("--least-recall", type=float, required=True)
@click.option("--seconds", type=float, required=True)
def main(method: str, folder: Path, build_cap: float, least_recall: float, seconds: float) -> None:
    """Print the figures of one method."""
    data = SearchData.open(folder)
    figures = measure(method, data, build_cap=build_cap, least_recall=least_recall, seconds=seconds)
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
