"""Verification: of two samples, whether they show the same vehicle.

A pair is accepted when its distance is at most a threshold. Over all thresholds, the share of
accepted pairs of different vehicles is the false positive rate (FPR) and that of accepted pairs of
one vehicle the true positive rate (TPR).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedSamples
from training.evaluation.pair_labels import pair_labels
from vreid.errors import MetricError
from vreid.metrics import Junk

FALSE_POSITIVE_RATES = (1e-3, 1e-4)

FEWEST_FALSE_POSITIVES = 10
"""A rate is measured where it lets so many negative pairs pass; with fewer it is chance."""

_MOST_POINTS = 1000


@dataclass(frozen=True, eq=False)
class Verification:
    """How well a threshold separates pairs of one vehicle from pairs of two; shares of one.

    Attributes:
        policy: what scored the pairs.
        positives: pairs of one vehicle.
        negatives: pairs of two.
        true_positive_rates: by false positive rate; None where the negatives are too few for it.
        equal_error_rate: where FPR and 1 - TPR are the same.
        false_positive_rate, true_positive_rate: (P,), the curve from (0, 0) to (1, 1), thinned to
            about 1000 points that are even in the logarithm of FPR.
    """

    policy: str
    positives: int
    negatives: int
    true_positive_rates: Mapping[float, float | None]
    equal_error_rate: float
    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]

    def omitted(self) -> Mapping[float, str]:
        """Why a rate was not measured, in words; empty where every rate was."""
        return {
            rate: (
                f"{self.negatives} negative pairs are too few: FPR {rate:g} needs "
                f"{round(FEWEST_FALSE_POSITIVES / rate)}, so that at least "
                f"{FEWEST_FALSE_POSITIVES} of them pass"
            )
            for rate, share in self.true_positive_rates.items()
            if share is None
        }

    def to_json(self) -> dict[str, Any]:
        """The figures without the curve; rates as text, such as "0.001"."""
        return {
            "policy": self.policy,
            "positives": self.positives,
            "negatives": self.negatives,
            "tpr_at_fpr": {f"{rate:g}": share for rate, share in self.true_positive_rates.items()},
            "omitted": {f"{rate:g}": reason for rate, reason in self.omitted().items()},
            "equal_error_rate": self.equal_error_rate,
        }


def verify(
    distances: NDArray[np.float64],
    query: EmbeddedSamples,
    gallery: EmbeddedSamples,
    junk: Junk,
    policy: str,
) -> Verification:
    """Measures verification over all valid pairs of a query and a gallery sample.

    Valid are pairs that the policy compares, whose identities are both known, and that are neither
    junk nor one and the same sample.

    Args:
        distances: (Q, G), infinite where the policy does not compare the pair.
        query: Q samples, whose labels say which pairs show one vehicle.
        gallery: G samples, likewise.
        junk: the data set's junk rule.
        policy: what made the distances.

    Raises:
        MetricError: there are no pairs of one vehicle, or none of two.
    """
    pairs = pair_labels(query, gallery, junk)
    valid = np.isfinite(distances) & pairs.known & ~pairs.junk & ~pairs.itself
    positives, negatives = distances[valid & pairs.same], distances[valid & ~pairs.same]
    if not positives.size or not negatives.size:
        raise MetricError(
            f"verification has {positives.size} pairs of one vehicle and {negatives.size} of two; "
            "give data with both"
        )
    false_rate, true_rate = _curve(positives, negatives)
    rates = {
        rate: _highest_within(false_rate, true_rate, rate)
        if rate * negatives.size >= FEWEST_FALSE_POSITIVES
        else None
        for rate in FALSE_POSITIVE_RATES
    }
    kept = _thinned(false_rate)
    return Verification(
        policy=policy,
        positives=positives.size,
        negatives=negatives.size,
        true_positive_rates=rates,
        equal_error_rate=_equal_error_rate(false_rate, true_rate),
        false_positive_rate=false_rate[kept],
        true_positive_rate=true_rate[kept],
    )


def _curve(
    positives: NDArray[np.float64], negatives: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """FPR and TPR at every threshold that changes one, from (0, 0) to (1, 1)."""
    thresholds = np.unique(np.concatenate([positives, negatives]))

    def accepted(distances: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = np.searchsorted(np.sort(distances), thresholds, side="right")
        return np.concatenate([[0.0], counts / distances.size])

    return accepted(negatives), accepted(positives)


def _highest_within(
    false_rate: NDArray[np.float64], true_rate: NDArray[np.float64], rate: float
) -> float:
    """TPR at the largest threshold whose FPR is not above the rate."""
    last = int(np.searchsorted(false_rate, rate, side="right")) - 1
    return float(true_rate[last])


def _equal_error_rate(false_rate: NDArray[np.float64], true_rate: NDArray[np.float64]) -> float:
    """Where the straight line between the two thresholds around the crossing has FPR = FNR."""
    difference = false_rate - (1 - true_rate)
    after = int(np.argmax(difference >= 0))
    before = after - 1
    share = -difference[before] / (difference[after] - difference[before])
    return float(false_rate[before] + share * (false_rate[after] - false_rate[before]))


def _thinned(false_rate: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions of about `_MOST_POINTS` points of the curve, its ends among them."""
    last = len(false_rate) - 1
    if last < _MOST_POINTS:
        return np.arange(last + 1)
    smallest = false_rate[false_rate > 0][0]
    wanted = np.geomspace(smallest, 1, _MOST_POINTS)
    found = np.searchsorted(false_rate, wanted, side="right") - 1
    # The thresholds before the first false positive are one vertical line: its top will do.
    top = int(np.searchsorted(false_rate, 0, side="right")) - 1
    return np.unique(np.concatenate([[0, top], found, [last]]))
