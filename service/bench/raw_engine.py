"""The engine alone: every lane busy with images that are ready, nothing else in the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from vreid.engines import BranchEngine
from vreid.modality import MODALITIES, Modality

Images = Mapping[Modality, NDArray[np.uint8]]
"""Branch pixels (N, H, W, 3) of each modality."""


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What an engine does at most.

    Attributes:
        images_per_second: of all lanes together, the modalities in turn.
        triplets_per_second: a third of it.
        batch_size: images in each run.
    """

    images_per_second: float
    batch_size: int

    @property
    def triplets_per_second(self) -> float:
        """Complete samples a second."""
        return self.images_per_second / len(MODALITIES)


def engine_throughput(
    engine: BranchEngine, images: Images, batch_size: int, seconds: float
) -> EngineFigures:
    """Run every lane with full batches for so long.

    A lane's rate is that of its runs that ended in time: a run that goes on after the others have
    stopped has the machine for itself. Of a lane that ended none in time its first run counts.
    """
    batches = [
        (modality, _batch(pixels, batch_size, number))
        for number in range(_distinct_batches(images, batch_size))
        for modality, pixels in images.items()
    ]
    rates = [0.0] * engine.lanes
    start = threading.Barrier(engine.lanes + 1)
    started = deadline = 0.0

    def keep_busy(lane: int) -> None:
        done = 0
        start.wait()
        for modality, batch in islice(cycle(batches), lane, None):
            engine.run(modality, batch)
            now = time.perf_counter()
            if now > deadline and done:
                return
            done += len(batch)
            rates[lane] = done / (now - started)
            if now > deadline:
                return

    lanes = [threading.Thread(target=keep_busy, args=(lane,)) for lane in range(engine.lanes)]
    for each in lanes:
        each.start()
    started = time.perf_counter()
    deadline = started + seconds
    start.wait()
    for each in lanes:
        each.join()
    return EngineFigures(sum(rates), batch_size)


def best_throughput(
    engine: BranchEngine, images: Images, seconds: float, batch_sizes: Sequence[int] | None = None
) -> EngineFigures:
    """The best of `engine_throughput` over batch sizes, by default all of the engine's.

    The seconds are shared out among the sizes.
    """
    sizes = batch_sizes or engine.batch_sizes
    return max(
        (engine_throughput(engine, images, size, seconds / len(sizes)) for size in sizes),
        key=lambda figures: figures.images_per_second,
    )


def triplet_latency(engine: BranchEngine, images: Images, seconds: float) -> float:
    """Median seconds to embed one triplet with nothing else running, branches beside each other."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    count = len(next(iter(images.values())))
    while time.perf_counter() < until or not latencies:
        row = len(latencies) % count
        started = time.perf_counter()
        _run_side_by_side(engine, {each: pixels[row : row + 1] for each, pixels in images.items()})
        latencies.append(time.perf_counter() - started)
    return float(np.median(latencies))


def _run_side_by_side(engine: BranchEngine, images: Images) -> None:
    waiting = list(images.items())

    def work() -> None:
        while True:
            try:
                modality, pixels = waiting.pop()
            except IndexError:
                return
            engine.run(modality, pixels)

    others = [threading.Thread(target=work) for _ in range(min(engine.lanes, len(images)) - 1)]
    for each in others:
        each.start()
    work()
    for each in others:
        each.join()


def _distinct_batches(images: Images, batch_size: int) -> int:
    return max(1, len(next(iter(images.values()))) // batch_size)


def _batch(pixels: NDArray[np.uint8], size: int, number: int) -> NDArray[np.uint8]:
    rows = np.arange(number * size, (number + 1) * size) % len(pixels)
    return np.ascontiguousarray(pixels[rows])
