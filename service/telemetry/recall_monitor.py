"""Estimates the recall of searches in the background, so slowly that no search notices."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from service.errors import GalleryClosed
from service.threads.repeating_thread import RepeatingThread

RESULTS = 20
QUERIES = 50

_FIRST = 10.0
"""Seconds at most before the first estimate begins."""

SampledShare = Callable[[np.random.Generator, int], float | None]


@dataclass(frozen=True, slots=True)
class MeasuredRecall:
    """An estimate, and when it was made.

    Attributes:
        estimate: share of the truly best `results` that is found.
        margin: two standard errors of it.
        results: how many of the best are compared.
        queries: searches that were compared.
        measured_at: the end of the last.
    """

    estimate: float
    margin: float
    results: int
    queries: int
    measured_at: datetime


class RecallMonitor:
    """Makes an estimate every `interval` seconds, in a thread that rests much longer than it works.

    Its priority is that of all others: as it holds Python's lock, they wait for it.
    """

    def __init__(self, sampled_share: SampledShare, interval: float, load: float = 0.02) -> None:
        """Prepare it; `start` begins.

        Args:
            sampled_share: makes one search, see `service.gallery.index.sampled_recall`.
            interval: seconds from the end of an estimate to the beginning of the next.
            load: share of the time that is spent on searches while an estimate is made.
        """
        self._sampled_share = sampled_share
        self._interval = interval
        self._rest = 1 / load - 1
        self._generator = np.random.default_rng()
        self._latest: MeasuredRecall | None = None
        self._stopping = threading.Event()
        self._thread: RepeatingThread | None = None

    @property
    def latest(self) -> MeasuredRecall | None:
        """The newest estimate; None before the first, and where searches are exact."""
        return self._latest

    def start(self) -> None:
        """Begin in the background."""
        self._thread = RepeatingThread(
            "recall",
            self._measure,
            self._interval,
            "The recall cannot be estimated; trying again",
            ends_with=GalleryClosed,
            first=min(_FIRST, self._interval),
        )

    def stop(self, timeout: float | None = None) -> None:
        """End after the present search; one that takes longer than `timeout` seconds is left."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.close(timeout)

    def _measure(self) -> None:
        shares: list[float] = []
        for _ in range(QUERIES):
            began = time.monotonic()
            share = self._sampled_share(self._generator, RESULTS)
            if share is None:
                self._latest = None
                return
            if not math.isnan(share):
                shares.append(share)
            if self._stopping.wait(self._rest * (time.monotonic() - began)):
                return
        if shares:
            self._latest = MeasuredRecall(
                estimate=float(np.mean(shares)),
                margin=2 * float(np.std(shares)) / len(shares) ** 0.5,
                results=RESULTS,
                queries=len(shares),
                measured_at=datetime.now(UTC),
            )
