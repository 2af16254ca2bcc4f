"""What `vreid bench` found, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.bench.machine import describe

LEAST_FOR_P99 = 100
_LEAST_SHOWN = 0.005
"""Core-milliseconds of a kind of thread below which it is left out."""


def report_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The figures of `service.bench.command` for reading."""
    yield f"machine: {describe(document['machine'])}"
    if "engine" in document:
        yield from _engine_lines(document["engine"])
    if "ready_seconds" in document:
        yield f"start to ready: {document['ready_seconds']:.2f} s"
    yield from _http_lines(document["http"], document.get("engine"))
    yield from _profile_lines(document["http"])


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of the same width, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([row[0].ljust(widths[0]), *others]).rstrip() if first else ""


def p99_text(count: int, milliseconds: float, digits: int = 1) -> str:
    """The 99th percentile; "-" where fewer than 100 answers make it the slowest one."""
    return f"{milliseconds:.{digits}f}" if count >= LEAST_FOR_P99 else "-"


def peak_text(peak: int, *, of_row: bool) -> str:
    """Mebibytes, and whether they are older than the row."""
    return "" if not peak else f"{peak / 2**20:.0f}" + ("" if of_row else " since start")


def _engine_lines(engine: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"engine: {engine['name']}, {engine['precision']}, {engine['threads']} threads, "
        f"{engine['lanes']} lanes; bundle {engine['bundle']}"
    )
    yield (
        f"engine alone: {engine['images_per_second']:.1f} images/s = "
        f"{engine['triplets_per_second']:.1f} triplets/s (batches of {engine['batch_size']}); "
        f"one triplet alone {engine['triplet_ms']:.1f} ms"
    )
    yield f"in one process, from files: {engine['in_process_per_second']:.1f} triplets/s"


def _http_lines(
    rows: Sequence[Mapping[str, Any]], engine: Mapping[str, Any] | None
) -> Iterator[str]:
    head = ["over HTTP", "connections", "samples/s", "images/s", "p50 ms", "p90 ms", "p99 ms"]
    head += ["answers", "not 200", "peak MiB", "of engine"]
    table = [head]
    for row in rows:
        load = row["figures"]["load"]
        ok = load["by_status"].get("200", {"count": 0, "p50_ms": 0, "p90_ms": 0, "p99_ms": 0})
        images = row["figures"]["images_per_second"]
        share = f"{100 * images / engine['images_per_second']:.0f} %" if engine else ""
        peak = row["figures"]["peak_bytes"]
        table.append(
            [
                row["what"],
                str(row["concurrency"]),
                f"{load['per_second']:.1f}",
                f"{images:.1f}",
                *(f"{ok[name]:.1f}" for name in ("p50_ms", "p90_ms")),
                p99_text(ok["count"], ok["p99_ms"]),
                str(ok["count"]),
                str(load["sent"] - ok["count"]),
                peak_text(peak, of_row=row["figures"]["peak_is_of_row"]),
                share,
            ]
        )
    yield from aligned(table)


def _profile_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where the processor time of the busiest row goes."""
    measured = [row for row in rows if row["figures"]["core_ms"]]
    if not measured:
        return
    row = max(measured, key=lambda each: each["figures"]["images_per_second"])
    spent = {k: v for k, v in row["figures"]["core_ms"].items() if v > _LEAST_SHOWN}
    total = sum(spent.values())
    yield (
        f"processor time of a sample ({row['what']}, {row['concurrency']} connections): "
        f"{total:.2f} core-ms: "
        + ", ".join(f"{name} {value:.2f}" for name, value in spent.items())
        + f"; client {row['figures']['load']['client_core_ms']:.2f}"
    )
