"""Ranking by log-likelihood ratios: what `shared` is measured against, and not part of a bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.embedded import EmbeddedDataset
from training.evaluation.missing_ratio import damage
from training.evaluation.pair_labels import pair_labels
from training.evaluation.ranking import modality_subsets, rank
from vreid.modality import MODALITIES, Modality
from vreid.policy import subset_codes

Couple = tuple[Modality, Modality]


@dataclass(frozen=True)
class LogLikelihoodRatio:
    """A weighted sum of cosines of single modalities, and a constant, for one pair of subsets."""

    couples: tuple[Couple, ...]
    weights: NDArray[np.float64]
    constant: float


Ratios = Mapping[tuple[int, int], LogLikelihoodRatio]


def cosines(dataset: EmbeddedDataset) -> dict[Couple, NDArray[np.float64]]:
    """Cosine (Q, G) of each of the query's modalities with each of the gallery's."""

    def unit(features: NDArray[np.float32], modality: Modality) -> NDArray[np.float64]:
        rows = features[:, modality.index].astype(np.float64)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    return {
        (left, right): unit(dataset.query.features, left) @ unit(dataset.gallery.features, right).T
        for left, right in product(MODALITIES, MODALITIES)
    }


def fit_ratios(dataset: EmbeddedDataset, across: bool) -> Ratios:
    """Logistic regression for each pair of subsets; the share of true pairs is taken out again.

    Args:
        dataset: complete samples.
        across: use the cosines between different modalities even where the two share some.
    """
    found = cosines(dataset)
    pairs = pair_labels(dataset.query, dataset.gallery, dataset.junk)
    counted = ~pairs.junk & ~pairs.itself
    truth = pairs.same[counted]
    prior = float(np.log(truth.sum() / (~truth).sum()))
    ratios = {}
    for left, right in product(list(modality_subsets()), repeat=2):
        couples = tuple(_couples(left, right, across))
        columns = np.stack([found[couple][counted] for couple in couples], axis=1)
        fitted = LogisticRegression(C=1e3, max_iter=2000).fit(columns, truth)
        ratios[_code(left), _code(right)] = LogLikelihoodRatio(
            couples, fitted.coef_[0], float(fitted.intercept_[0]) - prior
        )
    return ratios


def ratio_curve(
    dataset: EmbeddedDataset, ratios: Ratios, missing_ratios: Sequence[float], trials: int
) -> list[float]:
    """Mean mAP by missing ratio, ranked by log-likelihood ratio."""
    found = cosines(dataset)
    curve = []
    for missing in missing_ratios:
        maps = []
        for trial in range(trials if missing else 1):
            damaged = damage(dataset, missing, trial)
            keys = _keys(damaged, found, ratios)
            maps.append(rank(-keys, damaged.query, damaged.gallery, damaged.junk).map)
        curve.append(float(np.mean(maps)))
    return curve


def _couples(
    left: tuple[Modality, ...], right: tuple[Modality, ...], across: bool
) -> Iterator[Couple]:
    shares = set(left) & set(right)
    for couple in product(left, right):
        if across or not shares or couple[0] is couple[1]:
            yield couple


def _code(subset: tuple[Modality, ...]) -> int:
    return sum(1 << modality.index for modality in subset)


def _keys(
    dataset: EmbeddedDataset, found: Mapping[Couple, NDArray[np.float64]], ratios: Ratios
) -> NDArray[np.float64]:
    left, right = subset_codes(dataset.query.mask), subset_codes(dataset.gallery.mask)
    keys = np.empty((len(left), len(right)))
    for query, gallery in product(np.unique(left), np.unique(right)):
        block = np.ix_(left == query, right == gallery)
        ratio = ratios[int(query), int(gallery)]
        keys[block] = ratio.constant + sum(
            weight * found[couple][block]
            for couple, weight in zip(ratio.couples, ratio.weights, strict=True)
        )
    return keys
