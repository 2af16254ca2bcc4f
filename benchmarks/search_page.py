"""The figures of `benchmarks.search` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = (
    "| method | recall@1 | recall@20 | p50 ms | p99 ms | queries/s, 2 threads | MB | of flat | "
    "build s |",
    "|---|---|---|---|---|---|---|---|---|",
)


def table(document: Mapping[str, Any]) -> str:
    """One table for each set, by size, and one of searches while the gallery changes."""
    sets = sorted(document["sets"].values(), key=lambda each: (each["dimensions"], each["rows"]))
    parts = [f"Machine: {document['machine']}."]
    for each in sets:
        heading = f"### {each['rows']:,} x {each['dimensions']}".replace(",", " ")
        flat_bytes = 4 * each["rows"] * each["dimensions"]
        rows = [_row(result, flat_bytes) for result in each["results"]]
        parts.append("\n".join([heading, "", *_HEAD, *rows]))
    if "while_changing" in document:
        parts.append(_while_changing(document["while_changing"]))
    return "\n\n".join(parts)


def _row(result: Mapping[str, Any], flat_bytes: int) -> str:
    if not result["built"]:
        return f"| {result['method']} | {_why_not(result)} | | | | | | | |"
    name = result["method"] + (f", ef {result['effort']}" if result["effort"] else "")
    cells = [
        name,
        f"{result['recall_1']:.3f}",
        f"{result['recall_20']:.4f}",
        f"{result['p50_ms']:.2f}",
        f"{result['p99_ms']:.2f}",
        f"{result['queries_per_second_2_threads']:.0f}",
        f"{result['resident_bytes'] / 1e6:.0f}",
        f"1/{flat_bytes / max(1, result['resident_bytes']):.1f}",
        f"{result['build_seconds']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _why_not(result: Mapping[str, Any]) -> str:
    if "failed" in result:
        return f"ended with status {result['failed']}"
    return f"not built: {result['rows']} rows in {result['build_seconds']:.0f} s"


def _while_changing(figures: Mapping[str, Any]) -> str:
    head: Sequence[str] = (
        f"### A gallery of {figures['rows']} records while it changes",
        "",
        "| | added/s | deleted/s | p50 ms | p99 ms |",
        "|---|---|---|---|---|",
    )
    rows = [
        f"| {name} | {each['added_per_second']:.0f} | {each['deleted_per_second']:.0f} | "
        f"{each['p50_ms']:.2f} | {each['p99_ms']:.2f} |"
        for name, each in figures["phases"].items()
    ]
    return "\n".join([*head, *rows])
