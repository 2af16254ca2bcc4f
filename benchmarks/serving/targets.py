"""What was promised, beside what was measured: one line for each promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.serving.comparison import OURS, OURS_FP32, unlike
from benchmarks.serving.peer_list import PLAIN
from benchmarks.serving.precisions import TORCH
from benchmarks.serving.progress import has_failed
from service.bench.report import LEAST_FOR_P99

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A promise; `kept` is None where it was not measured, or what was measured tells nothing."""

    promise: str
    measured: str
    kept: bool | None


def targets(document: Figures) -> list[Target]:
    """All promises that the parts in the document say something about."""
    parts = {
        name: part["figures"] for name, part in document["parts"].items() if not has_failed(part)
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
    rows = {row["name"]: row for row in parts.get("comparison-lite", [])}
    if OURS in rows:
        for name, words in (
            (PLAIN, "the plain service"),
            ("plain-calm", "the same without spinning"),
        ):
            if name in rows:
                promise = f"lite triplets over {words}, 16 connections"
                yield from _over(promise, "rate", rows[OURS], [rows[name]], 5.0)


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
            yield _if_enough(
                # What the service is asked to keep is the deadline that the client states.
                _at_most(promise, run["of_unloaded"] or float("inf"), 3.0),
                min(run["accepted"], found["unloaded_answers"]),
            )
            yield from _refusals(found, run, words)
    if found := parts.get("memory"):
        many = f"over {found['requests']} mixed requests"
        growth = max(found["growth"], found["fitted_growth"])
        yield _at_most(f"memory growth {many}", growth, 0.05, percent=True)
        yield _at_least(f"answers with 200 {many}", found["ok_share"], 0.95, percent=True)


def _refusals(found: Figures, run: Figures, words: str) -> Iterator[Target]:
    share = run["refused_share"]
    yield Target(f"refused at 4x capacity, {words}: some", _shown(share, True), share > 0)
    if run["refused_p50_ms"] is not None:
        times = run["refused_p50_ms"] / found["unloaded_p50_ms"]
        yield _at_most(f"median time of a 429 over an unloaded answer's, {words}", times, 1.0)
    wrong = {**run["others"], "lost": run["lost"]}
    counts = ", ".join(f"{name}: {count}" for name, count in wrong.items() if count)
    yield Target(
        f"nothing but 200 and 429 at 4x capacity, none lost, {words}",
        counts or "nothing else",
        not counts,
    )


def _peers(parts: Figures) -> Iterator[Target]:
    for bundle in ("lite", "resnet50"):
        rows = parts.get(f"comparison-{bundle}", [])
        peers = [row for row in rows if not row["name"].startswith(OURS)]
        for name, words, precision in (
            (OURS, "as shipped, peers fp32", "fp32"),
            (OURS, "int8 on both sides", "int8"),
            (OURS_FP32, "fp32 on both sides", "fp32"),
        ):
            ours = next((row for row in rows if row["name"] == name), None)
            others = [row for row in peers if row.get("precision", precision) == precision]
            like_for_like = words.endswith("both sides")
            if ours is None or not others:
                continue
            if like_for_like and ours.get("precision", precision) != precision:
                continue
            rate, p99 = "throughput over the best peer", "p99 over that of the best peer"
            yield from _over(f"{rate}, {bundle}, {words}", "rate", ours, others, 1.0)
            yield from _over(f"{p99}, {bundle}, {words}", "p99", ours, others, 1.0)


def _over(
    promise: str, what: str, ours: Figures, others: Sequence[Figures], bound: float
) -> Iterator[Target]:
    """Our slowest turn over the fastest turn of any other; of p99 all turns together."""
    said = f"{promise}: at {'most' if what == 'p99' else 'least'} {_shown(bound, False)}"
    measured = [row for row in others if "failed" not in row]
    if "failed" in ours or not measured:
        yield Target(said, "failed", None)
        return
    rows = [ours, *others]
    doubts = [f"{row['label']} failed" for row in others if "failed" in row]
    doubts += [f"{label} has other centers" for label in unlike(rows)]
    doubts += [f"{row['label']}: {row['not_200']} not 200" for row in rows if row.get("not_200")]
    if what == "p99":
        few = [row["label"] for row in [ours, *measured] if row["answers"] < LEAST_FOR_P99]
        doubts += [f"{label} has under {LEAST_FOR_P99} answers" for label in few]
        value = ours["p99_ms"] / min(row["p99_ms"] for row in measured)
        kept = value <= bound
    else:
        value = ours["slowest_turn"] / max(row["fastest_turn"] for row in measured)
        kept = value >= bound
    shown = "; ".join([f"{value:.2f}x", *doubts])
    yield Target(said, shown, None if doubts else kept)


def _if_enough(target: Target, answers: int) -> Target:
    if answers >= LEAST_FOR_P99:
        return target
    return Target(target.promise, f"{target.measured}; of {answers} answers only", None)


def _archive(parts: Figures) -> Iterator[Target]:
    for name, least in (("resnet50", 0.95), ("lite", 0.80)):
        if found := parts.get(f"archive-{name}"):
            yield _at_least(
                f"`vreid index` of the engine alone, the worst turn, {name}",
                found["share"],
                least,
                percent=True,
            )


def _endurance(parts: Figures) -> Iterator[Target]:
    if found := parts.get("starts"):
        worst = max(found["starts"], key=lambda each: each["slowest"])
        yield Target(
            f"start to ready with {found['records']} records, the worst start: under 3 s",
            f"{worst['slowest']:.2f} s ({worst['case']})",
            worst["slowest"] < 3,
        )


def _at_least(promise: str, value: float, least: float, *, percent: bool = False) -> Target:
    shown, bound = _shown(value, percent), _shown(least, percent)
    return Target(f"{promise}: at least {bound}", shown, value >= least)


def _at_most(promise: str, value: float, most: float, *, percent: bool = False) -> Target:
    shown, bound = _shown(value, percent), _shown(most, percent)
    return Target(f"{promise}: at most {bound}", shown, value <= most)


def _shown(value: float, percent: bool) -> str:
    return f"{100 * value:.0f} %" if percent else f"{value:.1f}x"
