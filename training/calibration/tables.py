"""Fitting a calibration: from cosine to the probability that two samples show the same vehicle.

A gallery holds thousands of other vehicles for each true match, and how many is the site's
business, not the model's. Positives and negatives are therefore weighted to equal sums: a
probability of one half is where the evidence of the cosine alone is even.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
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

STEPS = 2**14
"""Cosines are rounded to this many steps in a unit before the regression, which then takes no
longer for ten million pairs than for ten thousand. Thresholds are those of unrounded cosines."""


def fit_calibration(datasets: Sequence[EmbeddedDataset]) -> Calibration:
    """Fits a table for each representation and set of modalities by isotonic regression.

    Pairs are those of a query and a gallery sample of one data set, without junk. Where a set of
    modalities has fewer than `FEWEST_POSITIVES` true pairs it gets no table of its own; the general
    tables "shared" and "center" pool all pairs of their representation. In each table every data
    set weighs the same, see `fit_table`.

    Args:
        datasets: calibration data of identities that training has not seen.

    Raises:
        TrainingError: there are too few true pairs to calibrate anything.
    """
    found = [_with_general(pairs_by_key(dataset)) for dataset in datasets]
    keys = dict.fromkeys(key for by_key in found for key in by_key)
    sets = {key: [by_key[key] for by_key in found if key in by_key] for key in keys}
    tables = {key: fit_table(*parts) for key, parts in sets.items() if enough_pairs(join(parts))}
    if not set(REPRESENTATIONS) <= tables.keys():
        raise TrainingError(
            f"fewer than {FEWEST_POSITIVES} pairs of the same vehicle to calibrate on; "
            "give calibration data with more identities"
        )
    return Calibration(tables)


def fit_table(*sets: ScoredPairs) -> CalibrationTable:
    """Fits one monotone table with equal total weight of positives and negatives.

    Of several sets each weighs the same however many pairs it has: its positives, and so its
    negatives, sum to the weight of any other's. A set that has too few pairs to be measured alone
    is left out where another has enough; where none has, all are one.

    Args:
        sets: pairs of each data set; together both truths are among them.
    """
    parts = [pairs for pairs in sets if enough_pairs(pairs)] or [join(sets)]
    steps = np.zeros(2 * STEPS + 1)
    weight, positive = steps.copy(), steps.copy()
    for pairs in parts:
        place = np.round((np.clip(pairs.cosine, -1, 1) + 1) * STEPS).astype(np.int64)
        each = _weights(pairs)
        weight += np.bincount(place, each, minlength=steps.size)
        positive += np.bincount(place, each * pairs.same, minlength=steps.size)
    seen = np.flatnonzero(weight)
    regression = IsotonicRegression(y_min=0, y_max=1).fit(
        seen / STEPS - 1, positive[seen] / weight[seen], sample_weight=weight[seen]
    )
    thresholds = _thresholds(parts)
    cosines, chosen = np.unique(np.clip(regression.X_thresholds_, -1, 1), return_index=True)
    probabilities = np.maximum.accumulate(np.clip(regression.y_thresholds_[chosen], 0, 1))
    kept = np.unique(np.linspace(0, len(cosines) - 1, MOST_KNOTS).round().astype(int))
    if len(kept) < 2:
        # Every pair has the same cosine, so it says nothing.
        level = float(probabilities[0])
        return CalibrationTable((-1.0, 1.0), (level, level), thresholds)
    return CalibrationTable(
        tuple(cosines[kept].tolist()), tuple(probabilities[kept].tolist()), thresholds
    )


def enough_pairs(pairs: ScoredPairs) -> bool:
    """Whether these pairs can be fitted or measured by themselves."""
    return bool(pairs.same.sum() >= FEWEST_POSITIVES and not pairs.same.all())


def _with_general(by_key: Mapping[str, ScoredPairs]) -> dict[str, ScoredPairs]:
    """The pairs of one set by key, and all pairs of each representation under its own name."""
    general = {
        kind: join([pairs for key, pairs in by_key.items() if key.startswith(f"{kind}:")])
        for kind in REPRESENTATIONS
        if any(key.startswith(f"{kind}:") for key in by_key)
    }
    return {**by_key, **general}


def _weights(pairs: ScoredPairs) -> NDArray[np.float64]:
    """Of each pair (n,): positives sum to one half, and so do negatives."""
    positives = pairs.same.sum()
    negatives = pairs.same.size - positives
    return np.asarray(np.where(pairs.same, 0.5 / positives, 0.5 / negatives), dtype=np.float64)


def _thresholds(parts: Sequence[ScoredPairs]) -> Mapping[float, float]:
    """The least cosine that no more than each share of negatives reaches, sets weighing the same.

    At each rate those sets take part of which at least `FEWEST_FALSE_ACCEPTS` negatives pass, and
    a rate at which none does gets no threshold. A stricter rate never gets a lower one.
    """
    negatives = [pairs.cosine[~pairs.same] for pairs in parts]
    found: dict[float, float] = {}
    strictest = -1.0
    for rate in sorted(FALSE_ACCEPT_RATES, reverse=True):
        enough = [one for one in negatives if rate * len(one) >= FEWEST_FALSE_ACCEPTS]
        if enough:
            strictest = max(strictest, _threshold(enough, rate))
            found[rate] = strictest
    return found


def _threshold(negatives: Sequence[NDArray[np.float64]], rate: float) -> float:
    """The least cosine that no more than this share reaches, each set weighing the same."""
    cosines = np.concatenate(negatives)
    share = np.concatenate([np.full(len(one), 1 / len(one) / len(negatives)) for one in negatives])
    descending = np.argsort(-cosines, kind="stable")
    first = _first_beyond(np.cumsum(share[descending]), rate)
    return min(1.0, float(np.nextafter(cosines[descending[first]], 2)))


def _first_beyond(accepted: NDArray[np.float64], rate: float) -> int:
    """Place of the first pair that would exceed the rate; sums of shares round in the last bits."""
    return min(int(np.searchsorted(accepted, rate * (1 + 1e-9), "right")), len(accepted) - 1)
