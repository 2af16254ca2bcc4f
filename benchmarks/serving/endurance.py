"""Start to ready with a gallery, memory over many requests, and the size of the image."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.pictures import mixed_samples
from benchmarks.serving.settings import BenchSettings, open_served, served_by_vreid
from benchmarks.start_to_ready import measure_all
from service.bench.load_process import measure_load
from service.bench.over_http import embed_plan
from service.bench.process_usage import memory

RECORDS = 10_000
STARTS = 2
"""Rounds of all the ways to start."""
REQUESTS = 50_000
_STEPS = 20
_CONNECTIONS = 16
_IMAGE = "vreid:cpu"


def measure_starts(settings: BenchSettings) -> dict[str, Any]:
    """Seconds from the start of the process to readiness, by what an earlier start has left."""
    records = RECORDS // 100 if settings.small else RECORDS
    return measure_all("auto", records, 1 if settings.small else STARTS)


def measure_memory(
    settings: BenchSettings, served: ServedBundle, requests: int = REQUESTS
) -> dict[str, Any]:
    """What the server has resident after each twentieth of the requests, mixed in every way."""
    _, engine = open_served(served)
    samples = mixed_samples(settings.build / "mixed")
    resident: list[int] = []
    statuses: dict[str, int] = {}
    sent = 0
    with (
        tempfile.TemporaryDirectory() as scratch,
        served_by_vreid(served, engine, Path(scratch) / "gallery") as server,
    ):
        step = replace(
            embed_plan(server.url, samples, _CONNECTIONS, settings.seconds),
            requests=max(1, requests // _STEPS),
            warm_up=0.0,
        )
        peak = 0
        for _ in range(_STEPS):
            load = measure_load(step)
            sent += load.sent
            for status, each in load.by_status.items():
                statuses[status] = statuses.get(status, 0) + each.count
            now = memory(server.process)
            resident.append(now.now)
            peak = now.peak
    # The first tenth fills what is filled once: pools, caches, an engine's buffers.
    settled = resident[_STEPS // 10 - 1 :]
    slope = float(np.polyfit(np.arange(len(settled)), settled, 1)[0])
    return {
        "requests": requests,
        "statuses": statuses,
        "resident_bytes": resident,
        "ok_share": statuses.get("200", 0) / max(1, sent),
        "growth": resident[-1] / settled[0] - 1,
        "fitted_growth": slope * (len(settled) - 1) / settled[0],
        "peak_bytes": peak,
    }


def image_bytes(name: str = _IMAGE) -> int | None:
    """The size of the image that was built, None where there is none."""
    if shutil.which("docker"):
        command = ["docker", "image", "inspect", "--format", "{{.Size}}", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return int(done.stdout)
    if shutil.which("buildah"):
        command = ["buildah", "images", "--json", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return _readable_bytes(json.loads(done.stdout)[0]["size"])
    return None


def _readable_bytes(text: str) -> int:
    """Buildah writes `412 MB`."""
    number, _, unit = text.partition(" ")
    factor = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}[unit.strip().upper()]
    return round(float(number) * factor)
