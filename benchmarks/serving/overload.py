"""Four times what the service can do: what happens to those let in, and to the others."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.settings import BenchSettings, open_served, served_by_vreid
from service.bench.load_process import measure_load
from service.bench.plan import LoadFigures, StatusFigures

FACTOR = 4
PATIENCE = 3
"""A client that waits so many times the unloaded p99 says so in `DEADLINE`."""
DEADLINE = "X-Deadline-Ms"

_TOO_MANY = 429
_SATURATING = 16


def measure_overload(settings: BenchSettings, served: ServedBundle) -> dict[str, Any]:
    """Unloaded, then four times the capacity: with the default deadline, and with one stated."""
    _, engine = open_served(served)
    with (
        tempfile.TemporaryDirectory() as scratch,
        served_by_vreid(served, engine, Path(scratch) / "gallery") as server,
    ):
        one = settings.plan(server.url, settings.triplets, 1)
        # The service learns here how long its work takes.
        capacity = measure_load(replace(one, concurrency=_SATURATING)).per_second
        unloaded = measure_load(one).ok
        open_loop = replace(
            one,
            headers={},
            concurrency=None,
            rate=FACTOR * max(1.0, capacity),
            seconds=2 * settings.seconds,
            patience=30.0,
        )
        stated = {DEADLINE: str(math.ceil(PATIENCE * unloaded.p99_ms))}
        runs = {
            "default": measure_load(open_loop),
            "stated": measure_load(replace(open_loop, headers=stated)),
        }
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "capacity": capacity,
        "unloaded_answers": unloaded.count,
        "unloaded_p50_ms": unloaded.p50_ms,
        "unloaded_p99_ms": unloaded.p99_ms,
        "deadline_ms": float(stated[DEADLINE]),
        "runs": {name: _run(load, unloaded) for name, load in runs.items()},
    }


def _run(load: LoadFigures, unloaded: StatusFigures) -> dict[str, Any]:
    refused = load.by_status.get(str(_TOO_MANY))
    others = {
        status: each.count
        for status, each in load.by_status.items()
        if status not in ("200", str(_TOO_MANY))
    }
    return {
        "accepted_per_second": load.per_second,
        "accepted_p50_ms": load.ok.p50_ms,
        "accepted_p99_ms": load.ok.p99_ms,
        "accepted": load.ok.count,
        "of_unloaded": load.ok.p99_ms / unloaded.p99_ms if unloaded.count else None,
        "refused_share": load.share(_TOO_MANY),
        "refused_p50_ms": refused.p50_ms if refused else None,
        "refused_p99_ms": refused.p99_ms if refused else None,
        "retry_after": load.retry_after,
        "statuses": {status: each.count for status, each in load.by_status.items()},
        "others": others,
        "lost": load.lost + load.unanswered,
        "unsent": load.unsent,
        "late_ms": load.late_ms,
    }
