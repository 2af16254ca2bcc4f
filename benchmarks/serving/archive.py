"""`vreid index` on files from disk, beside the engine alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.pictures import write_archive
from benchmarks.serving.settings import BenchSettings, open_served
from service.bench.command import engine_settings
from service.bench.errors import BenchError
from service.bench.in_process import load_samples, pixels_of
from service.bench.raw_engine import best_throughput
from service.bench.samples import complete_triplets


def measure_archive(settings: BenchSettings, served: ServedBundle, count: int) -> dict[str, Any]:
    """Samples a second of the job, by its own clock and with its start, as a share of the engine.

    Raises:
        BenchError: the job failed.
    """
    manifest = write_archive(settings.build / "archive", count)
    bundle, engine = open_served(served)
    images = pixels_of(bundle, load_samples(complete_triplets()[:64]))
    size = best_throughput(engine, images, settings.seconds).batch_size

    def engine_alone() -> float:
        return best_throughput(engine, images, settings.seconds, [size]).triplets_per_second

    before = engine_alone()
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        summary = _index(manifest, served, engine_settings(engine), Path(scratch))
        whole = time.perf_counter() - started
    raw = (before + engine_alone()) / 2
    per_second = summary["indexed"] / summary["seconds"]
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "samples": summary["indexed"],
        "raw_per_second": raw,
        "per_second": per_second,
        "share": per_second / raw,
        "start_seconds": whole - summary["seconds"],
    }


def _index(
    manifest: Path, served: ServedBundle, environment: dict[str, str], scratch: Path
) -> dict[str, Any]:
    command = [sys.executable, "-c", "from vreid.cli import main; main()", "index", str(manifest)]
    command += ["--bundle", str(served.directory), "--gallery", str(scratch / "gallery"), "--json"]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"vreid index ended with status {done.returncode}: {done.stderr[-300:]}")
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary
