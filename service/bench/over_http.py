"""Measures a service over HTTP, and where its processor time goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.bench.load_process import measure_load
from service.bench.plan import LoadFigures, LoadPlan
from service.bench.process_usage import memory, seconds_between, thread_seconds

EMBED = "/embed"


@dataclass(frozen=True, slots=True)
class HttpFigures:
    """One load and what it cost the server.

    Attributes:
        load: what the generator saw.
        images_per_second: in the answered samples.
        core_ms: the server's processor milliseconds for each answered sample, by thread name; empty
            where the server is no process of this machine.
        peak_bytes: the most the server had resident until then; 0 where that is not known.
    """

    load: LoadFigures
    images_per_second: float
    core_ms: Mapping[str, float]
    peak_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def embed_plan(
    url: str, samples: Sequence[Mapping[str, str]], concurrency: int, seconds: float
) -> LoadPlan:
    """Samples sent to /embed, one a request, over so many connections."""
    return LoadPlan(url, EMBED, samples, concurrency=concurrency, seconds=seconds)


def measure_http(plan: LoadPlan, process: int | None = None) -> HttpFigures:
    """Run the plan; `process` is the server's, where it runs on this machine."""
    # Warmed up by itself, so that the time of the threads is that of the load alone.
    if plan.warm_up:
        measure_load(replace(plan, seconds=plan.warm_up, warm_up=0.0, requests=0))
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
    )
