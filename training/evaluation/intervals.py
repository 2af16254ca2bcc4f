"""Bootstrap confidence intervals of mAP and rank-1 over query identities.

Queries of one identity show the same vehicle and stand or fall together, so the unit that is drawn
with replacement is the identity with all its queries; drawing queries would give intervals
that are too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vreid.metrics import Labels, Ranking

LEVEL = 0.95

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile bootstrap interval; shares of one.

    Attributes:
        low, high: the bounds.
        level: share of draws between them.
        draws: how often the identities were drawn.
        identities: how many identities have a valid query.
    """

    low: float
    high: float
    level: float
    draws: int
    identities: int

    def to_json(self) -> dict[str, Any]:
        """By the names that reports use."""
        return {
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "draws": self.draws,
            "identities": self.identities,
        }


def bootstrap_intervals(
    rankings: Sequence[Ranking],
    queries: Sequence[Labels],
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> Mapping[str, Interval]:
    """Intervals of the figures that are the mean over queries, then over directions.

    Args:
        rankings: one, or the two directions of a symmetric data set.
        queries: the query labels of each.
        draws: how often the identities are drawn.
        level: share of draws within the interval.
        seed: of the draws.

    Returns:
        Intervals of ``mAP`` and ``rank1``.
    """
    names = [
        [labels.identity[row] for row in ranking.query_rows]
        for ranking, labels in zip(rankings, queries, strict=True)
    ]
    numbers = {
        name: number for number, name in enumerate(dict.fromkeys(n for one in names for n in one))
    }
    times = _times_drawn(len(numbers), draws, seed)
    codes = [np.array([numbers[name] for name in one], dtype=np.int64) for one in names]
    values = {
        "mAP": [ranking.average_precision for ranking in rankings],
        "rank1": [(ranking.first_match == 1).astype(np.float64) for ranking in rankings],
    }
    return {
        name: _interval(
            np.nanmean(
                [_drawn_means(part, code, times) for part, code in zip(parts, codes, strict=True)],
                axis=0,
            ),
            level,
            len(numbers),
        )
        for name, parts in values.items()
    }


def _times_drawn(identities: int, draws: int, seed: int) -> NDArray[np.int64]:
    """How often each identity is in each draw, (draws, identities)."""
    random = np.random.default_rng(seed)
    return random.multinomial(identities, np.full(identities, 1 / identities), size=draws)


def _drawn_means(
    values: NDArray[np.float64], codes: NDArray[np.int64], times: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean over the queries of the drawn identities, (draws,); NaN where none of them has one."""
    sums = np.bincount(codes, weights=values, minlength=times.shape[1])
    counts = np.bincount(codes, minlength=times.shape[1])
    queries = (times @ counts).astype(np.float64)
    drawn = np.full(len(times), np.nan)
    np.divide(times @ sums, queries, out=drawn, where=queries > 0)
    return drawn


def _interval(means: NDArray[np.float64], level: float, identities: int) -> Interval:
    outside = (1 - level) / 2
    low, high = np.nanquantile(means, [outside, 1 - outside])
    return Interval(float(low), float(high), level, len(means), identities)
