"""What HTTP leaves of the engine: engine and service in turn, because a machine's speed drifts."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.settings import BenchSettings, open_served, served_by_vreid
from service.bench.in_process import embedder_throughput, load_samples, pixels_of
from service.bench.over_http import measure_http
from service.bench.raw_engine import best_throughput, triplet_latency
from service.bench.samples import complete_triplets

SATURATING = 16
"""Connections that keep every lane busy."""


def measure_saturation(settings: BenchSettings, served: ServedBundle) -> dict[str, Any]:
    """Triplets a second of the engine alone, in the process, and over HTTP; and their share."""
    bundle, engine = open_served(served)
    samples = load_samples(complete_triplets())
    images = pixels_of(bundle, samples)
    triplet_ms = 1000 * triplet_latency(engine, images, settings.seconds / 2)
    raw, rounds = [], []
    # Longer than a turn, which is not shared out among the sizes.
    batch_size = best_throughput(engine, images, 2 * settings.seconds).batch_size
    with (
        tempfile.TemporaryDirectory() as scratch,
        served_by_vreid(served, engine, Path(scratch) / "gallery") as server,
    ):
        plan = settings.plan(server.url, settings.triplets, SATURATING)

        def engine_alone() -> float:
            best = best_throughput(engine, images, settings.seconds, [batch_size])
            return best.triplets_per_second

        raw.append(engine_alone())
        for _ in range(settings.rounds):
            rounds.append(measure_http(plan, server.process))
            raw.append(engine_alone())
    shares = [
        http.load.per_second / ((before + after) / 2)
        for before, http, after in zip(raw, rounds, raw[1:], strict=False)
    ]
    best = max(rounds, key=lambda each: each.load.per_second)
    in_process = embedder_throughput(bundle, engine, samples, settings.seconds)
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "lanes": engine.lanes,
        "batch_size": batch_size,
        "triplet_ms": triplet_ms,
        "raw_per_second": statistics.median(raw),
        "in_process_per_second": in_process,
        "http_per_second": statistics.median(each.load.per_second for each in rounds),
        "share": statistics.median(shares),
        "shares": shares,
        "answers": sum(each.load.ok.count for each in rounds),
        "not_200": sum(each.load.sent - each.load.ok.count for each in rounds),
        "core_ms": dict(best.core_ms),
        "client_core_ms": best.load.client_core_ms,
        "peak_bytes": best.peak_bytes,
    }
