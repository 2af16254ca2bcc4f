"""The service at 1, 4, 16 and 64 connections, with complete samples and with images missing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.settings import BenchSettings, open_served, served_by_vreid
from service.bench.command import http_rows
from service.bench.samples import complete_triplets

CONCURRENCIES = (1, 4, 16, 64)


def measure_concurrency(settings: BenchSettings, served: ServedBundle) -> dict[str, Any]:
    """One row for each concurrency and set of samples."""
    _, engine = open_served(served)
    with (
        tempfile.TemporaryDirectory() as scratch,
        served_by_vreid(served, engine, Path(scratch) / "gallery") as server,
    ):
        rows = http_rows(
            server.url,
            complete_triplets(),
            CONCURRENCIES,
            settings.seconds,
            server.process,
            answers=settings.answers,
            most_seconds=settings.most_seconds,
        )
    return {"engine": engine.name, "precision": engine.precision, "rows": rows}
