"""Collects answers while a load runs, and sums them up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from service.bench.connection import Answer
from service.bench.plan import LoadFigures, StatusFigures

_TELL_WHEN = (429, 503)


@dataclass(slots=True)
class Recording:
    """What happened between two moments of one clock, in seconds.

    A load that does not know these moments beforehand sets them when they have come. An answer
    counts for the latencies if its request was due between `begin` and
    `end`, and for the throughput if it came between them.
    """

    begin: float
    end: float
    latencies: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    answered_in_time: int = 0
    lost: int = 0
    unsent: int = 0
    outstanding: int = 0
    told_when: int = 0
    late: list[float] = field(default_factory=list)
    asked: int = 0

    def note(self, due: float, now: float, answer: Answer) -> None:
        """Keep one answer."""
        self.asked += 1
        if answer.status == 200 and self.begin <= now < self.end:
            self.answered_in_time += 1
        if not self.begin <= due < self.end:
            return
        if answer.status == 0:
            self.lost += 1
            return
        self.latencies[answer.status].append(now - due)
        self.told_when += answer.status in _TELL_WHEN and answer.says_retry_after

    def figures(self, processor_seconds: float) -> LoadFigures:
        """Sum up; `processor_seconds` is what the generator took for all of it."""
        count = {status: len(latencies) for status, latencies in self.latencies.items()}
        sent = sum(count.values()) + self.lost + self.outstanding
        refused = sum(count.get(status, 0) for status in _TELL_WHEN)
        return LoadFigures(
            seconds=self.end - self.begin,
            sent=sent,
            per_second=self.answered_in_time / max(1e-9, self.end - self.begin),
            by_status={
                str(status): _status_figures(latencies)
                for status, latencies in sorted(self.latencies.items())
            },
            lost=self.lost,
            unanswered=self.outstanding,
            unsent=self.unsent,
            retry_after=self.told_when / refused if refused else 1.0,
            client_core_ms=1000 * processor_seconds / max(1, self.asked),
            late_ms=1000 * float(np.percentile(self.late, 99)) if self.late else 0.0,
            ok_ms=[round(1000 * seconds, 3) for seconds in self.latencies.get(200, ())],
        )


def _status_figures(seconds: list[float]) -> StatusFigures:
    p50, p90, p99, most = (1000 * np.percentile(seconds, [50, 90, 99, 100])).tolist()
    return StatusFigures(len(seconds), p50, p90, p99, most)
