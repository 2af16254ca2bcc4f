"""How far probabilities and thresholds hold on identities that they were not fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.calibration.pairs import REPRESENTATIONS, ScoredPairs, pairs_by_key
from training.calibration.tables import enough_pairs
from training.embedded import EmbeddedDataset
from vreid.calibration import Calibration, CalibrationTable

BINS = 10


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold does on measured pairs.

    Attributes:
        threshold: the cosine from which on a pair is accepted.
        false_accept_rate: share of pairs of two vehicles that are accepted.
        true_positive_rate: share of pairs of one vehicle that are accepted.
    """

    threshold: float
    false_accept_rate: float
    true_positive_rate: float


@dataclass(frozen=True)
class KeyReliability:
    """Reliability of one calibration key.

    Attributes:
        positives: pairs of one vehicle.
        negatives: pairs of two.
        error: expected calibration error, see `expected_calibration_error`.
        points: by the false-accept rate that the threshold was fitted for.
    """

    positives: int
    negatives: int
    error: float
    points: Mapping[float, OperatingPoint]

    def to_json(self) -> dict[str, Any]:
        """Plain values; rates as text, such as "0.001"."""
        return {
            "positives": self.positives,
            "negatives": self.negatives,
            "expected_calibration_error": self.error,
            "thresholds": {
                f"{rate:g}": {
                    "cosine": point.threshold,
                    "false_accept_rate": point.false_accept_rate,
                    "true_positive_rate": point.true_positive_rate,
                }
                for rate, point in sorted(self.points.items(), reverse=True)
            },
        }


def measure_reliability(
    dataset: EmbeddedDataset,
    calibration: Calibration,
    representations: Sequence[str] = REPRESENTATIONS,
) -> dict[str, KeyReliability]:
    """Reliability by calibration key, of keys with `enough_pairs`."""
    return {
        key: _measured(pairs, table)
        for key, pairs in pairs_by_key(dataset, representations).items()
        if enough_pairs(pairs) and (table := calibration.table(key)) is not None
    }


def shared_probabilities(
    dataset: EmbeddedDataset, calibration: Calibration
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Probabilities (n,) of all pairs under policy ``shared`` and whether each is true (n,).

    Every subset of the modalities gives its pairs. None where there are too few.
    """
    probabilities, same = [], []
    for key, pairs in pairs_by_key(dataset, ["shared"]).items():
        found = calibration.probability(key, pairs.cosine)
        if found is not None and enough_pairs(pairs):
            probabilities.append(found)
            same.append(pairs.same)
    return (np.concatenate(probabilities), np.concatenate(same)) if same else None


def expected_calibration_error(
    probability: NDArray[np.float64], same: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Mean distance between promised and true share over equal bins of probability.

    Pairs of one vehicle and pairs of two weigh equal sums, as in the fit of the tables.

    Args:
        probability: (n,) in [0, 1].
        same: (n,), with both truths among them.
        bins: of equal width.
    """
    weight = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, weight * (probability - same), minlength=bins)
    return float(np.abs(gap).sum())


def realised_rates(cosine: NDArray[np.float64], thresholds: Sequence[float]) -> list[float]:
    """Share of the cosines (n,) that reach each threshold."""
    return [float((cosine >= threshold).mean()) for threshold in thresholds]


def _measured(pairs: ScoredPairs, table: CalibrationTable) -> KeyReliability:
    cosines = list(table.thresholds.values())
    accepted = realised_rates(pairs.cosine[~pairs.same], cosines)
    recalled = realised_rates(pairs.cosine[pairs.same], cosines)
    return KeyReliability(
        positives=int(pairs.same.sum()),
        negatives=int((~pairs.same).sum()),
        error=expected_calibration_error(table.probability(pairs.cosine), pairs.same),
        points={
            rate: OperatingPoint(*point)
            for rate, *point in zip(table.thresholds, cosines, accepted, recalled, strict=True)
        },
    )
