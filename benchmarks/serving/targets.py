"""What was promised, beside what was measured: one line for each promise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.serving.comparison import OURS
from benchmarks.serving.precisions import TORCH

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A promise; `kept` is None where it was not measured."""

    promise: str
    measured: str
    kept: bool | None


def targets(document: Figures) -> list[Target]:
    """All promises that the parts in the document say something about."""
    parts = {
        name: part["figures"]
        for name, part in document["parts"].items()
        if not (isinstance(part["figures"], dict) and "failed" in part["figures"])
    }
    return [
        *_saturation(parts),
        *_plain(parts),
        *_precisions(parts),
        *_overload(parts),
        *_peers(parts),
        *_archive(parts),
        *_endurance(parts),
    ]


def _saturation(parts: Figures) -> Iterator[Target]:
    for name, least in (("resnet50", 0.95), ("lite", 0.80)):
        if found := parts.get(f"saturation-{name}"):
            yield _at_least(
                f"HTTP of the engine alone, {name}", found["share"], least, percent=True
            )


def _plain(parts: Figures) -> Iterator[Target]:
    if rows := parts.get("comparison-lite"):
        rates = _rates(rows)
        if OURS in rates and "onnxruntime" in rates:
            ratio = rates[OURS] / rates["onnxruntime"]
            yield _at_least("lite triplets over the plain service, 16 connections", ratio, 5.0)


def _precisions(parts: Figures) -> Iterator[Target]:
    found = parts.get("precisions-resnet50")
    if not found:
        return
    milliseconds = found["milliseconds"]

    def best(precision: str) -> float | None:
        return min((ms for name, ms in milliseconds.items() if precision in name), default=None)

    base = milliseconds.get("onnxruntime-cpu, fp32")
    eight, sixteen = best("int8"), best("bf16")
    if eight:
        torch = milliseconds[TORCH] / eight
        yield _at_least("ResNet50 triplet, int8 over torch eager", torch, 6.0)
        if base:
            yield _at_least("ResNet50 triplet, int8 over ONNX Runtime fp32", base / eight, 3.0)
    if sixteen and base:
        yield _at_least("ResNet50 triplet, bf16 over ONNX Runtime fp32", base / sixteen, 1.9)


def _overload(parts: Figures) -> Iterator[Target]:
    if found := parts.get("overload"):
        for name, words in (("stated", "stated deadline"), ("default", "default deadline")):
            run = found["runs"][name]
            promise = f"p99 of accepted requests at 4x capacity over unloaded, {words}"
            # What the service is asked to keep is the deadline that the client states.
            yield _at_most(promise, run["of_unloaded"], 3.0)
    if found := parts.get("memory"):
        yield _at_most(
            f"memory growth over {found['requests']} mixed requests",
            found["growth"],
            0.05,
            percent=True,
        )


def _peers(parts: Figures) -> Iterator[Target]:
    for name in ("lite", "resnet50"):
        rows = [row for row in parts.get(f"comparison-{name}", []) if "per_second" in row]
        ours = [row for row in rows if row["name"] == OURS]
        others = [row for row in rows if not row["name"].startswith(OURS)]
        if ours and others:
            rate = min(row["per_second"] for row in ours)
            p99 = max(row["p99_ms"] for row in ours)
            yield _at_least(
                f"throughput over the best peer, {name}",
                rate / max(row["per_second"] for row in others),
                1.0,
            )
            yield _at_most(
                f"p99 over that of the best peer, {name}",
                p99 / min(row["p99_ms"] for row in others if row["p99_ms"]),
                1.0,
            )


def _archive(parts: Figures) -> Iterator[Target]:
    for name, least in (("resnet50", 0.95), ("lite", 0.80)):
        if found := parts.get(f"archive-{name}"):
            yield _at_least(
                f"`vreid index` of the engine alone, {name}", found["share"], least, percent=True
            )


def _endurance(parts: Figures) -> Iterator[Target]:
    if found := parts.get("starts"):
        seconds = max(found["seconds"][1:])
        promise = f"start to ready with {found['records']} records"
        yield Target(f"{promise}: under 3 s", f"{seconds:.2f} s", seconds < 3)


def _rates(rows: Iterable[Figures]) -> dict[str, float]:
    """Triplets a second by name; of several runs the slowest."""
    rates: dict[str, float] = {}
    for row in rows:
        if "per_second" in row:
            rates[row["name"]] = min(row["per_second"], rates.get(row["name"], float("inf")))
    return rates


def _at_least(promise: str, value: float, least: float, *, percent: bool = False) -> Target:
    shown, bound = _shown(value, percent), _shown(least, percent)
    return Target(f"{promise}: at least {bound}", shown, value >= least)


def _at_most(promise: str, value: float, most: float, *, percent: bool = False) -> Target:
    shown, bound = _shown(value, percent), _shown(most, percent)
    return Target(f"{promise}: at most {bound}", shown, value <= most)


def _shown(value: float, percent: bool) -> str:
    return f"{100 * value:.0f} %" if percent else f"{value:.1f}x"
