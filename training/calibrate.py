"""Fitting a calibration: from cosine to the probability that two samples show the same vehicle.

A gallery holds thousands of other vehicles for each true match, and how many is the site's
business, not the model's. Positives and negatives are therefore weighted to equal sums: a
probability of one half is where the evidence of the cosine alone is even.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from training.embedded import EmbeddedDataset, EmbeddedSamples, same_samples
from training.errors import TrainingError
from training.evaluate import modality_subsets
from vreid.calibration import Calibration, CalibrationTable, center_key, shared_key
from vreid.metrics import Junk, Labels
from vreid.scoring import score

FALSE_ACCEPT_RATES = (0.1, 0.01, 0.001)

FEWEST_POSITIVES = 20
"""With fewer pairs of the same vehicle a table of its own is noise; the general one serves."""

MOST_KNOTS = 64


class ScoredPairs(NamedTuple):
    """Cosines of pairs, and whether each shows the same vehicle."""

    cosine: NDArray[np.float64]
    same: NDArray[np.bool_]


def fit_calibration(datasets: Sequence[EmbeddedDataset]) -> Calibration:
    """Fits a table for each representation and set of modalities by isotonic regression.

    Pairs are those of a query and a gallery sample of one data set, without junk. Where a set of
    modalities has fewer than `FEWEST_POSITIVES` true pairs it gets no table of its own; the general
    tables "shared" and "center" pool all pairs of their representation.

    Args:
        datasets: validation data of identities that training has not seen.

    Raises:
        TrainingError: there are too few true pairs to calibrate anything.
    """
    pooled: dict[str, list[ScoredPairs]] = {}
    for dataset in datasets:
        for key, pairs in _pairs_by_key(dataset):
            pooled.setdefault(key, []).append(pairs)
    joined = {key: _join(parts) for key, parts in pooled.items()}
    general = {
        kind: _join([pairs for key, pairs in joined.items() if key.startswith(f"{kind}:")])
        for kind in ("shared", "center")
        if any(key.startswith(f"{kind}:") for key in joined)
    }
    tables = {
        key: fit_table(pairs)
        for key, pairs in {**joined, **general}.items()
        if pairs.same.sum() >= FEWEST_POSITIVES and not pairs.same.all()
    }
    if not {"shared", "center"} <= tables.keys():
        raise TrainingError(
            f"fewer than {FEWEST_POSITIVES} pairs of the same vehicle to calibrate on; "
            "give validation data with more identities"
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

    Only for rates that so many negatives can show.
    """
    negatives = np.sort(pairs.cosine[~pairs.same])[::-1]
    return {
        rate: min(1.0, float(np.nextafter(negatives[int(rate * len(negatives))], 2)))
        for rate in FALSE_ACCEPT_RATES
        if rate * len(negatives) >= 1
    }


def _pairs_by_key(dataset: EmbeddedDataset) -> Iterator[tuple[str, ScoredPairs]]:
    subsets = list(modality_subsets())
    query = {subset: dataset.query.having_all(subset) for subset in subsets}
    gallery = {subset: dataset.gallery.having_all(subset) for subset in subsets}
    for subset in subsets:
        if len(query[subset]) and len(gallery[subset]):
            key = shared_key(subset)
            yield key, _scored(query[subset], gallery[subset], dataset.junk, "shared")
    for left, right in product(subsets, subsets):
        if len(query[left]) and len(gallery[right]):
            key = center_key(left, right)
            yield key, _scored(query[left], gallery[right], dataset.junk, "center")


def _scored(
    query: EmbeddedSamples, gallery: EmbeddedSamples, junk: Junk, policy: str
) -> ScoredPairs:
    cosines = score(query.features, query.mask, gallery.features, gallery.mask, policy).score
    same = _equal("identity", query.labels, gallery.labels)
    counted = ~same_samples(query, gallery)
    if junk is not None:
        counted &= ~(same & _equal(junk, query.labels, gallery.labels))
    return ScoredPairs(cosines[counted], same[counted])


def _equal(name: str, query: Labels, gallery: Labels) -> NDArray[np.bool_]:
    """(Q, G): whether both have the label and it is the same; unknown labels equal nothing."""
    left, right = (
        np.asarray([None] if (values := getattr(side, name)) is None else values, dtype=object)
        for side in (query, gallery)
    )
    equal: NDArray[np.bool_] = (left[:, None] == right[None, :]) & (left != None)[:, None]  # noqa: E711
    return equal


def _join(parts: Sequence[ScoredPairs]) -> ScoredPairs:
    return ScoredPairs(
        np.concatenate([part.cosine for part in parts]),
        np.concatenate([part.same for part in parts]),
    )
