"""One gain for each modality, so that a weak branch does not speak as loudly as a strong one.

Concatenations and centers weigh modalities by the length of their features. Necks give all three
about the same length however good the branch is. A gain multiplies a branch's features; only ratios
of gains matter. They are searched on identities that neither training nor reported figures use, and
one leaves 1 only where that is better beyond chance over identities.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluation.ranking import modality_subsets, rank
from vreid.embedding import round_to_stored
from vreid.errors import MetricError
from vreid.modality import MODALITIES, Modality

GRID = (1.0, 0.7071, 0.5, 0.3536, 0.25)
"""Gains tried for each modality: an octave of weight in the cosine (the gain squared) each."""

ROUNDS = 3
"""Most passes over the modalities; the first without a change ends the search."""

RESAMPLES = 1000

SIGNIFICANCE = 0.05
"""Share of resamplings of the identities in which a gain may be no better than what it replaces."""

NEUTRAL = (1.0, 1.0, 1.0)

Gains = tuple[float, float, float]


@dataclass(frozen=True)
class ModalityWeights:
    """Gains in the order RGB, NIR, TIR, and the mAP that they were chosen by.

    Attributes:
        gains: each in (0, 1], the largest 1 unless given by hand.
        before: mean mAP over subsets of two and three modalities with all gains 1; None where
            nothing was measured.
        after: the same with the gains.
    """

    gains: Gains
    before: float | None = None
    after: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, gains by modality."""
        return {
            "gains": {m.value: gain for m, gain in zip(MODALITIES, self.gains, strict=True)},
            "mAP_before": self.before,
            "mAP_after": self.after,
        }


def fit_modality_weights(datasets: Sequence[EmbeddedDataset]) -> ModalityWeights:
    """Searches the gains one modality after the other; the same data give the same gains.

    What is made large is the mean over sets and over subsets of two and three modalities of the
    mAP by the cosine of what both sides share: those are the comparisons that galleries with
    missing modalities consist of.

    Args:
        datasets: calibration data. Sets without complete samples on both sides are not used.
    """
    complete = [one.having_all(MODALITIES) for one in datasets]
    measured = [_Combinations(one) for one in complete if len(one.query) and len(one.gallery)]
    measured = [one for one in measured if one.has_matches()]
    if not measured:
        return ModalityWeights(NEUTRAL)

    def precisions(gains: Gains) -> _Measured:
        return [list(one.precisions(gains)) for one in measured]

    gains: Gains = NEUTRAL
    before = current = precisions(gains)
    for _ in range(ROUNDS):
        start = gains
        for modality in MODALITIES:
            trials = {trial: precisions(trial) for trial in _trials(gains, modality)}
            best = max(trials, key=lambda trial: _mean(trials[trial]))
            if _better(trials[best], current):
                gains, current = best, trials[best]
        if gains == start:
            break
    return ModalityWeights(gains, _mean(before), _mean(current))


def scaled(dataset: EmbeddedDataset, gains: Gains) -> EmbeddedDataset:
    """The data set with each modality's features times its gain, rounded as galleries store."""
    return replace(
        dataset,
        query=_scaled_samples(dataset.query, gains),
        gallery=_scaled_samples(dataset.gallery, gains),
    )


@dataclass(frozen=True)
class _Precisions:
    """Average precision of each query (V,), and the number of its identity (V,)."""

    values: NDArray[np.float64]
    identity: NDArray[np.int64]


_Measured = Sequence[Sequence[_Precisions]]
"""Of each data set, its subsets of modalities."""


class _Combinations:
    """A complete data set, its products multiplied once for all gains."""

    def __init__(self, dataset: EmbeddedDataset) -> None:
        self._dataset = dataset
        query = dataset.query.features.astype(np.float64)
        gallery = dataset.gallery.features.astype(np.float64)
        self._products = [query[:, m.index] @ gallery[:, m.index].T for m in MODALITIES]
        self._query_squares = np.einsum("nmd,nmd->nm", query, query)
        self._gallery_squares = np.einsum("nmd,nmd->nm", gallery, gallery)
        names = np.asarray([str(one) for one in dataset.query.labels.identity])
        self._identity = np.unique(names, return_inverse=True)[1].astype(np.int64)

    def has_matches(self) -> bool:
        """Whether any query has a positive."""
        one = self._dataset
        try:
            rank(-self._products[0], one.query, one.gallery, one.junk)
        except MetricError:
            return False
        return True

    def precisions(self, gains: Gains) -> Iterator[_Precisions]:
        """Of each subset of two or three modalities."""
        for subset in modality_subsets():
            if len(subset) < 2:
                continue
            rows = [modality.index for modality in subset]
            weights = np.square([gains[row] for row in rows])
            dots = sum(
                weight * self._products[row] for weight, row in zip(weights, rows, strict=True)
            )
            lengths = np.outer(
                np.sqrt(self._query_squares[:, rows] @ weights),
                np.sqrt(self._gallery_squares[:, rows] @ weights),
            )
            one = self._dataset
            ranking = rank(-dots / np.maximum(lengths, 1e-12), one.query, one.gallery, one.junk)
            yield _Precisions(ranking.average_precision, self._identity[ranking.query_rows])


def _trials(gains: Gains, modality: Modality) -> Iterator[Gains]:
    for gain in GRID:
        changed = [*gains]
        changed[modality.index] = gain
        first, second, third = (value / max(changed) for value in changed)
        yield first, second, third


def _mean(found: _Measured) -> float:
    return float(np.mean([one.values.mean() for subsets in found for one in subsets]))


def _better(found: _Measured, current: _Measured) -> bool:
    """Whether the mean is higher in all but few resamplings of the identities.

    All subsets of a data set take part in one draw: their precisions are of the same vehicles, so
    that they are high or low together.
    """
    if _mean(found) <= _mean(current):
        return False
    random = np.random.default_rng(0)
    differences = np.zeros(RESAMPLES)
    for subsets, others in zip(found, current, strict=True):
        identities = 1 + max(one.identity.max() for one in subsets)
        drawn = random.integers(0, identities, (RESAMPLES, identities))
        for one, other in zip(subsets, others, strict=True):
            counts = np.bincount(one.identity, minlength=identities)
            sums = np.bincount(one.identity, one.values - other.values, minlength=identities)
            differences += sums[drawn].sum(axis=1) / np.maximum(counts[drawn].sum(axis=1), 1)
    return bool((differences <= 0).mean() <= SIGNIFICANCE)


def _scaled_samples(samples: EmbeddedSamples, gains: Gains) -> EmbeddedSamples:
    features = samples.features * np.asarray(gains, dtype=np.float32)[:, None]
    return replace(samples, features=round_to_stored(features))
