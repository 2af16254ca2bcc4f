"""Fitting a calibration: from cosine to the probability that two samples show the same vehicle.

A gallery holds thousands of other vehicles for each true match, and how many is the site's
business, not the model's. Positives and negatives are therefore weighted to equal sums: a
probability of one half is where the evidence of the cosine alone is even.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.isotonic import IsotonicRegression

from training.calibration.pairs import REPRESENTATIONS, ScoredPairs, join, pairs_by_key
from training.embedded import EmbeddedDataset
from training.errors import TrainingError
from vreid.calibration import Calibration, CalibrationTable

FALSE_ACCEPT_RATES = (0.1, 0.01, 0.001, 0.0001)

FEWEST_FALSE_ACCEPTS = 10
"""A rate gets a threshold where it lets at least so many negative pairs pass; fewer are chance."""

FEWEST_POSITIVES = 20
"""With fewer pairs of the same vehicle a table of its own is noise; the general one serves."""

MOST_KNOTS = 64


def fit_calibration(datasets: Sequence[EmbeddedDataset]) -> Calibration:
    """Fits a table for each representation and set of modalities by isotonic regression.

    Pairs are those of a query and a gallery sample of one data set, without junk. Where a set of
    modalities has fewer than `FEWEST_POSITIVES` true pairs it gets no table of its own; the general
    tables "shared" and "center" pool all pairs of their representation.

    Args:
        datasets: calibration data of identities that training has not seen.

    Raises:
        TrainingError: there are too few true pairs to calibrate anything.
    """
    joined = pairs_by_key(datasets)
    general = {
        kind: join([pairs for key, pairs in joined.items() if key.startswith(f"{kind}:")])
        for kind in REPRESENTATIONS
        if any(key.startswith(f"{kind}:") for key in joined)
    }
    tables = {
        key: fit_table(pairs)
        for key, pairs in {**joined, **general}.items()
        if pairs.same.sum() >= FEWEST_POSITIVES and not pairs.same.all()
    }
    if not set(REPRESENTATIONS) <= tables.keys():
        raise TrainingError(
            f"fewer than {FEWEST_POSITIVES} pairs of the same vehicle to calibrate on; "
            "give calibration data with more identities"
        )
    return Calibration(tables)


def fit_table(pairs: ScoredPairs) -> CalibrationTable:
    """Fits one monotone table with equal total weight of positives and negatives."""
    positives = pairs.same.sum()
    weights = np.where(pairs.same, 0.5 / positives, 0.5 / (pairs.same.size - positives))
    regression = IsotonicRegression(y_min=0, y_max=1).fit(
        pairs.cosine, pairs.same.astype(np.float64), sample_weight=weights
    )
    cosines, chosen = np.unique(np.clip(regression.X_thresholds_, -1, 1), return_index=True)
    probabilities = np.maximum.accumulate(np.clip(regression.y_thresholds_[chosen], 0, 1))
    kept = np.unique(np.linspace(0, len(cosines) - 1, MOST_KNOTS).round().astype(int))
    if len(kept) < 2:
        # Every pair has the same cosine, so it says nothing.
        level = float(probabilities[0])
        return CalibrationTable((-1.0, 1.0), (level, level), _thresholds(pairs))
    return CalibrationTable(
        tuple(cosines[kept].tolist()), tuple(probabilities[kept].tolist()), _thresholds(pairs)
    )


def _thresholds(pairs: ScoredPairs) -> Mapping[float, float]:
    """The least cosine that no more than each share of negatives reaches.

    Only for rates at which `FEWEST_FALSE_ACCEPTS` of them do.
    """
    negatives = np.sort(pairs.cosine[~pairs.same])[::-1]
    return {
        rate: min(1.0, float(np.nextafter(negatives[int(rate * len(negatives))], 2)))
        for rate in FALSE_ACCEPT_RATES
        if rate * len(negatives) >= FEWEST_FALSE_ACCEPTS
    }
