import time

import numpy as np
import pytest
from numpy.typing import NDArray

from vreid.engines.measuring import warmed_up
from vreid.modality import Modality

SECONDS = 0.02


class Waiting:
    """An engine that waits, and where it is told so computes in the calling thread before."""

    name, precision = "stand-in", "fp32"
    threads = lanes = 1
    batch_sizes = (1, 2)

    def __init__(self, computes: bool) -> None:
        self._computes = computes
        self.took = 0.0

    def warm_up(self) -> None:
        pass

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        began, own = time.perf_counter(), time.thread_time()
        while self._computes and time.thread_time() - own < max(
            SECONDS, (time.perf_counter() - began) / 2
        ):
            pass
        time.sleep(SECONDS / 4 if self._computes else SECONDS)
        self.took = time.perf_counter() - began
        return np.zeros((len(pixels), 4), dtype=np.float32)


def measured(engine: Waiting) -> float:
    """Seconds of one run."""
    run = warmed_up(engine, Modality.RGB, 8, 8)
    return run() * engine.batch_sizes[-1] / 1000


def test_what_the_thread_waits_for_does_not_count_where_it_computes_itself() -> None:
    engine = Waiting(computes=True)
    seconds = measured(engine)
    assert SECONDS <= seconds < engine.took


def test_an_engine_with_threads_of_its_own_is_measured_by_the_clock() -> None:
    engine = Waiting(computes=False)
    assert measured(engine) == pytest.approx(engine.took, rel=0.5)
    assert engine.took >= SECONDS
