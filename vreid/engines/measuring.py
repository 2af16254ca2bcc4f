"""The short warm-up by which ``auto`` chooses."""

import math
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from vreid.engines.candidates import Candidate
from vreid.engines.protocol import BranchEngine
from vreid.modality import Modality

WARM_UPS = 1
ROUNDS = 4
LONGEST_SECONDS = 0.3
"""Of all rounds together, but for the first."""

ADVANTAGE = 0.9
"""A later candidate must take less than this share of the best one's time: what is expected to be
fastest wins unless it is clearly not, so that small differences between measurements decide
little."""

NEGLIGIBLE = 0.2
"""Milliseconds of the first candidate below which nothing else is measured: the rest of the way
from file to feature takes longer."""

_COMPUTED_HERE = 0.2
"""The share of a run's time from which on the calling thread is taken to have computed it. Then its
processor time counts: a gallery is opened and modules are imported meanwhile, and a choice is kept
for good. An engine with threads of its own leaves next to none here."""

Run = Callable[[], float]
"""Runs once and returns the milliseconds of one image; infinity where it failed."""


def warmed_up(engine: BranchEngine, modality: Modality, height: int, width: int) -> Run:
    """Runs of the largest batch of noise, after a few that are not measured.

    Args:
        engine: with one lane, so that every candidate has the same processors to itself.
        modality: the branch.
        height: of its images, in pixels.
        width: of its images, in pixels.

    Raises:
        EngineError: it does not run.
    """
    count = engine.batch_sizes[-1]
    shape = (count, height, width, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for _ in range(WARM_UPS):
        engine.run(modality, pixels)

    def run() -> float:
        began, own = time.perf_counter(), time.thread_time()
        engine.run(modality, pixels)
        own, took = time.thread_time() - own, time.perf_counter() - began
        return 1000 * (own if own > _COMPUTED_HERE * took else took) / count

    return run


def measure(
    candidates: Iterable[Candidate],
    open_candidate: Callable[[Candidate], Run | None],
    leaves_out_fp32: bool = False,
) -> Mapping[Candidate, float]:
    """Milliseconds of one image of each candidate that runs, the least of a few runs.

    The candidates run in turn, round after round: what else the machine does for a moment hits
    them all, or a round that does not count.

    Args:
        candidates: in the order of preference.
        open_candidate: what runs it; None where it does not.
        leaves_out_fp32: whether fp32 is left out where its engine ran in a narrower precision: the
            processor is made for that, and fp32 takes the longest to open and to run.
    """
    runs: dict[Candidate, Run] = {}
    least: dict[Candidate, float] = {}
    for candidate in candidates:
        if leaves_out_fp32 and candidate.precision == "fp32" and _ran(candidate.engine, least):
            continue
        run = open_candidate(candidate)
        if run is None:
            continue
        runs[candidate], least[candidate] = run, run()
        if len(runs) == 1 and least[candidate] < NEGLIGIBLE:
            break
    started = time.perf_counter()
    for _ in range(ROUNDS - 1):
        if len(runs) == 1 or time.perf_counter() - started > LONGEST_SECONDS:
            break
        for candidate, run in runs.items():
            least[candidate] = min(least[candidate], run())
    return {candidate: found for candidate, found in least.items() if math.isfinite(found)}


def _ran(engine: str, least: Mapping[Candidate, float]) -> bool:
    return any(each.engine == engine and math.isfinite(found) for each, found in least.items())


def ranked(measured: Mapping[Candidate, float]) -> list[Candidate]:
    """The best candidate, then the others, fastest first.

    Args:
        measured: milliseconds of one image, in the order of preference.
    """
    best: Candidate | None = None
    for candidate, found in measured.items():
        if best is None or found < ADVANTAGE * measured[best]:
            best = candidate
    return sorted(measured, key=lambda each: (each != best, measured[each]))
