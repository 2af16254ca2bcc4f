"""Requests of mixed sizes and modality subsets leave nothing behind in the service's process.

Nor do those that are refused or too late, or whose clients hang up before the answer. `make soak`
sends 50 000 that are answered, and prints what is held after each few hundred.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import cycle, islice, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.bench.load import run_load
from service.bench.plan import LoadPlan
from service.bench.prepared import multipart_request, subsets_of
from service.bench.process_usage import memory
from tests.e2e.metrics import read_metrics
from tests.e2e.processes import ServiceProcess
from vreid.modality import MODALITIES

pytestmark = pytest.mark.long

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "2000"))
CHUNK = 250
WARM_UP_CHUNKS = 4
CLIENTS = 4
HASTY_REQUESTS = 48
"""After each chunk: they state a deadline that is kept only where nobody is before them."""
HASTY_CLIENTS = 16
LEAVING = 12
"""Clients after each chunk that hang up when they have sent a request."""
SETTLING_SECONDS = 5.0
"""For which connections may take to be closed after their clients have gone."""
MAX_GROWTH = 16 * 2**20
"""Bytes over the whole run, by the line fitted to the readings: 8 KiB for each request of CI's."""

SIZES = ((16, 16), (64, 48), (48, 200), (640, 128), (33, 801), (400, 300), (800, 600))


@dataclass(frozen=True)
class Reading:
    """What the process holds at one moment."""

    resident: int
    files: int
    threads: int


def test_memory_files_and_threads_stay_as_they_are(service: ServiceProcess, tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    readings = asyncio.run(send(service, samples, WARM_UP_CHUNKS + REQUESTS // CHUNK))
    refused = read_metrics(service.client).total("vreid_refused_total", {"reason": "deadline"})
    assert refused >= len(readings)
    warm_up, measured = readings[:WARM_UP_CHUNKS], readings[WARM_UP_CHUNKS:]
    assert growth([reading.resident for reading in measured]) < MAX_GROWTH, measured
    assert max(one.files for one in measured) <= max(one.files for one in warm_up) + CLIENTS
    assert max(one.threads for one in measured) <= max(one.threads for one in warm_up), readings


async def send(
    service: ServiceProcess, samples: Sequence[Mapping[str, str]], chunks: int
) -> list[Reading]:
    readings = []
    at_rest = read(service.process.pid).files
    paths = cycle(("/embed", "/search"))
    for number, path in enumerate(islice(paths, chunks)):
        plan = LoadPlan(
            service.address,
            path,
            [samples[(number * CHUNK + each) % len(samples)] for each in range(CHUNK)],
            concurrency=CLIENTS,
            requests=CHUNK,
            warm_up=0,
        )
        figures = await run_load(plan)
        assert set(figures.by_status) == {"200", "422"}, figures
        await refuse(plan)
        await leave(plan)
        readings.append(reading := await settled(service.process.pid, at_rest + CLIENTS))
        print(
            f"{(number + 1) * CHUNK:6d} requests: {reading.resident / 2**20:7.1f} MiB, "
            f"{reading.files} files, {reading.threads} threads",
            flush=True,
        )
    return readings


async def refuse(plan: LoadPlan) -> None:
    """Send what is refused, or found to be too late, where others are before it."""
    figures = await run_load(
        replace(
            plan,
            headers={"X-Deadline-Ms": "1"},
            concurrency=HASTY_CLIENTS,
            requests=HASTY_REQUESTS,
        )
    )
    assert set(figures.by_status) <= {"200", "422", "429", "504"}, figures


async def leave(plan: LoadPlan) -> None:
    """Send whole requests and hang up at once."""
    host, _, port = plan.url.removeprefix("http://").partition(":")

    async def send_and_leave(sample: Mapping[str, str]) -> None:
        files = {name: Path(path).read_bytes() for name, path in sample.items()}
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(multipart_request(f"{host}:{port}", plan.path, files))
        await writer.drain()
        writer.transport.abort()

    await asyncio.gather(*map(send_and_leave, plan.samples[:LEAVING]))


async def settled(process: int, files: int) -> Reading:
    """What is held when the connections of those who have gone are closed, at most so many files.

    A connection that stays open is in the reading.
    """
    deadline = time.monotonic() + SETTLING_SECONDS
    while (reading := read(process)).files > files and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return reading


def read(process: int) -> Reading:
    proc = Path("/proc") / str(process)
    return Reading(
        memory(process).now,
        len(list((proc / "fd").iterdir())),
        len(list((proc / "task").iterdir())),
    )


def growth(resident: Sequence[int]) -> float:
    """Bytes by which the fitted line rises from the first reading to the last."""
    slope, _ = np.polyfit(np.arange(len(resident)), resident, 1)
    return float(slope * (len(resident) - 1))


def write_samples(folder: Path) -> list[dict[str, str]]:
    """Every subset of the modalities in every size, JPEG and PNG in turn, and a few broken ones."""
    samples = []
    for (width, height), form in product(SIZES, ("JPEG", "PNG")):
        triplet = {
            modality.value: write_picture(folder, modality.value, width, height, form)
            for modality in MODALITIES
        }
        samples += list(subsets_of(triplet))
    broken = folder / "broken.jpg"
    broken.write_bytes(next(iter(samples[0].values())).read_bytes()[:200])
    samples += [{"rgb": broken}] * 3
    shuffled = np.random.default_rng(0).permutation(len(samples))
    return [{name: str(path) for name, path in samples[each].items()} for each in shuffled]


def write_picture(folder: Path, name: str, width: int, height: int, form: str) -> Path:
    generator = np.random.default_rng([width, height, len(name)])
    blocks = generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    path = folder / f"{name}_{width}x{height}.{form.lower()}"
    encoded = BytesIO()
    Image.fromarray(blocks).resize((width, height)).save(encoded, form)
    path.write_bytes(encoded.getvalue())
    return path


@pytest.mark.parametrize(("each", "grows"), [(0, False), (40 * 2**10, True)])
def test_the_line_tells_a_leak_from_noise(each: int, grows: bool) -> None:
    noise = np.random.default_rng(0).normal(0, 2**20, REQUESTS // CHUNK)
    resident = [200 * 2**20 + number * CHUNK * each + int(n) for number, n in enumerate(noise)]
    assert (growth(resident) >= MAX_GROWTH) is grows
