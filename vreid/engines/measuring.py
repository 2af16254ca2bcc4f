"""The short warm-up by which ``auto`` chooses."""

import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from vreid.engines.candidates import Candidate
from vreid.engines.protocol import BranchEngine
from vreid.modality import Modality

WARM_UPS = 2
RUNS = 5
LONGEST_SECONDS = 0.2
"""Of the measured runs of one candidate, but for the first."""

ADVANTAGE = 0.9
"""A later candidate must take less than this share of the best one's time: what is expected to be
fastest wins unless it is clearly not, so two processes choose alike."""

NEGLIGIBLE = 0.2
"""Milliseconds of the first candidate below which nothing is measured: the rest of the way from
file to feature takes longer."""


def milliseconds_per_image(
    runner: BranchEngine, modality: Modality, height: int, width: int
) -> float:
    """Time of one image in runs of the largest size on one lane, the least of a few runs.

    Raises:
        EngineError: it does not run.
    """
    count = runner.batch_sizes[-1]
    shape = (count, height, width, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for _ in range(WARM_UPS):
        runner.run(modality, pixels)
    started, least = time.perf_counter(), np.inf
    for _ in range(RUNS):
        before = time.perf_counter()
        runner.run(modality, pixels)
        now = time.perf_counter()
        least = min(least, now - before)
        if now - started > LONGEST_SECONDS:
            break
    return float(1000 * least / count)


def choose(
    candidates: Iterable[Candidate], measure: Callable[[Candidate], float | None]
) -> tuple[Candidate | None, Mapping[Candidate, float]]:
    """The best of the candidates and what was measured of each that runs.

    Args:
        candidates: in the order of preference.
        measure: milliseconds of one image; None for a candidate that does not run.
    """
    best: Candidate | None = None
    measured: dict[Candidate, float] = {}
    for candidate in candidates:
        found = measure(candidate)
        if found is None:
            continue
        if best is None or found < ADVANTAGE * measured[best]:
            best = candidate
        measured[candidate] = found
        if len(measured) == 1 and found < NEGLIGIBLE:
            break
    return best, measured
