"""Measures a service over HTTP, and where its processor time goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.bench.load_process import measure_load
from service.bench.plan import LoadFigures, LoadPlan
from service.bench.process_usage import forget_peak, memory, seconds_between, thread_seconds

EMBED = "/embed"
ANSWERS = 200
"""Least answers of a row, so that its 99th percentile is not its slowest one."""
MOST_SECONDS = 20.0
PATIENT = {"X-Deadline-Ms": "60000"}
"""A row at many connections measures the service's work, not whom it refuses."""


@dataclass(frozen=True, slots=True)
class HttpFigures:
    """One load and what it cost the server.

    Attributes:
        load: what the generator saw.
        images_per_second: in the answered samples.
        core_ms: the server's processor milliseconds for each answered sample, by thread name; empty
            where the server is no process of this machine.
        peak_bytes: the most the server had resident; 0 where that is not known.
        peak_is_of_row: whether that is of this load alone, and not since the server's start.
    """

    load: LoadFigures
    images_per_second: float
    core_ms: Mapping[str, float]
    peak_bytes: int = 0
    peak_is_of_row: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the single latencies."""
        return {
            "load": {name: value for name, value in self.load.to_json().items() if name != "ok_ms"},
            "images_per_second": self.images_per_second,
            "core_ms": dict(self.core_ms),
            "peak_bytes": self.peak_bytes,
            "peak_is_of_row": self.peak_is_of_row,
        }


def embed_plan(
    url: str,
    samples: Sequence[Mapping[str, str]],
    concurrency: int,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    answers: int = ANSWERS,
    most_seconds: float = MOST_SECONDS,
) -> LoadPlan:
    """Samples sent to /embed, one a request, over so many connections; none is refused."""
    return LoadPlan(
        url,
        EMBED,
        samples,
        headers={**PATIENT, **(headers or {})},
        concurrency=concurrency,
        seconds=seconds,
        answers=answers,
        most_seconds=most_seconds,
    )


def measure_http(plan: LoadPlan, process: int | None = None) -> HttpFigures:
    """Run the plan; `process` is the server's, where it runs on this machine."""
    # Warmed up by itself, so that the time of the threads is that of the load alone.
    if plan.warm_up:
        warm_up = replace(plan, seconds=plan.warm_up, answers=plan.warm_up_answers)
        measure_load(replace(warm_up, warm_up=0.0, requests=0))
    of_row = forget_peak(process) if process else False
    before = thread_seconds(process) if process else {}
    load = measure_load(replace(plan, warm_up=0.0))
    spent = seconds_between(before, thread_seconds(process)) if process else {}
    answered = max(1, load.ok.count)
    images = sum(len(sample) for sample in plan.samples) / len(plan.samples)
    return HttpFigures(
        load,
        load.per_second * images,
        {name: 1000 * seconds / answered for name, seconds in spent.items() if seconds > 0},
        memory(process).peak if process else 0,
        of_row,
    )
