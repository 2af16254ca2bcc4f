"""`vreid index` on files from disk, beside the engine alone; the files are in the page cache."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
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
from service.bench.server_process import clean_environment
from vreid.modality import MODALITIES

LARGE_WIDTH = 512
"""Pixels; the shipped samples are 256 wide."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of `vreid index`.

    Attributes:
        samples: that were indexed.
        per_second: of them, from the moment at which the engine was open.
        start_seconds: that the process took besides: to start, to open the engine, to end.
    """

    samples: int
    per_second: float
    start_seconds: float


def measure_archive(settings: BenchSettings, served: ServedBundle, count: int) -> dict[str, Any]:
    """Complete samples a second of the job, of small and of larger pictures, in turns.

    Raises:
        BenchError: the job failed.
    """
    count = min(count, 30) if settings.small else count
    manifests = {
        "as shipped": write_archive(settings.build / "archive", count),
        f"{LARGE_WIDTH} pixels wide": write_archive(
            settings.build / f"archive-{LARGE_WIDTH}", count, LARGE_WIDTH
        ),
    }
    for manifest in manifests.values():
        _fill_page_cache(manifest)
    bundle, engine = open_served(served)
    images = pixels_of(bundle, load_samples(complete_triplets()[:64]))
    size = best_throughput(engine, images, 2 * settings.seconds).batch_size

    def engine_alone() -> float:
        return best_throughput(engine, images, settings.seconds, [size]).triplets_per_second

    jobs: dict[str, list[Job]] = {name: [] for name in manifests}
    raw: dict[str, list[float]] = {name: [] for name in manifests}
    before = engine_alone()
    for _ in range(settings.rounds):
        for name, manifest in manifests.items():
            jobs[name].append(_index(manifest, served, engine_settings(engine)))
            after = engine_alone()
            raw[name].append((before + after) / 2)
            before = after
    sets = [_set_figures(name, jobs[name], raw[name]) for name in manifests]
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "batch_size": size,
        "sets": sets,
        "share": min(each["share"] for each in sets),
    }


def _set_figures(name: str, jobs: list[Job], raw: list[float]) -> dict[str, Any]:
    """Of its turns, the share is the smallest and the others are means."""
    shares = [job.per_second / engine for job, engine in zip(jobs, raw, strict=True)]
    return {
        "pictures": name,
        "samples": jobs[0].samples,
        "raw_per_second": sum(raw) / len(raw),
        "per_second": sum(job.per_second for job in jobs) / len(jobs),
        "shares": shares,
        "share": min(shares),
        "start_seconds": sum(job.start_seconds for job in jobs) / len(jobs),
    }


def _fill_page_cache(manifest: Path) -> None:
    rows = manifest.read_text(encoding="utf-8").splitlines()[1:]
    for name in (name for row in rows for name in row.split(",")[1:]):
        (manifest.parent / name).read_bytes()


def _index(manifest: Path, served: ServedBundle, environment: dict[str, str]) -> Job:
    command = [sys.executable, "-c", "from vreid.cli import main; main()", "index", str(manifest)]
    with tempfile.TemporaryDirectory() as scratch:
        command += ["--bundle", str(served.directory)]
        command += ["--gallery", str(Path(scratch) / "gallery"), "--json"]
        started = time.perf_counter()
        done = subprocess.run(
            command,
            env=clean_environment(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        whole = time.perf_counter() - started
    if done.returncode != 0:
        raise BenchError(f"vreid index ended with status {done.returncode}: {done.stderr[-300:]}")
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    samples = summary["indexed"]
    # Opening takes as long for a million samples as for one.
    per_second = summary["images_per_second"] / len(MODALITIES)
    return Job(samples, per_second, whole - samples / per_second)
