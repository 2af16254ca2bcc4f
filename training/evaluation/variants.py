"""What can be done to a ranking without another training: flip, query expansion, re-ranking.

Each is measured beside the plain figures and never in their place, since papers differ in what they
report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluation.query_expansion import expand_queries
from training.evaluation.ranking import (
    Evaluation,
    directions,
    figures_of,
    mean_figures,
    policy_distances,
    rank,
)
from vreid.calibration import Calibration
from vreid.embedding import round_to_stored
from vreid.errors import MetricError
from vreid.re_ranking import all_pairs_distances, re_rank


@dataclass(frozen=True, slots=True)
class VariantOptions:
    """Which variants are applied.

    Attributes:
        flip: features are the mean of those of the image and of its mirror image.
        query_expansion: neighbours that a query is averaged with; 0 for none.
        re_ranking: k-reciprocal re-ranking.
    """

    flip: bool = False
    query_expansion: int = 0
    re_ranking: bool = False

    @property
    def name(self) -> str:
        """What reports call it, such as "flip + re-ranking"."""
        parts = [
            "flip" if self.flip else "",
            f"query expansion {self.query_expansion}" if self.query_expansion else "",
            "re-ranking" if self.re_ranking else "",
        ]
        return " + ".join(part for part in parts if part)

    def each_alone(self) -> list[VariantOptions]:
        """One for every variant that is on."""
        alone = [
            VariantOptions(flip=self.flip),
            VariantOptions(query_expansion=self.query_expansion),
            VariantOptions(re_ranking=self.re_ranking),
        ]
        return [one for one in alone if one.name]


def measure_variants(
    dataset: EmbeddedDataset,
    policy: str,
    calibration: Calibration | None,
    options: VariantOptions,
    mirrored: EmbeddedDataset | None = None,
) -> Mapping[str, Evaluation]:
    """Figures of every variant alone, and of all together where there are several.

    Args:
        dataset: embedded query and gallery.
        policy: center, concat or shared.
        calibration: the bundle's; None for a checkpoint.
        options: which variants.
        mirrored: the same data set, embedded from mirrored images; needed for flip.

    Returns:
        By name, in the order flip, query expansion, re-ranking, together.

    Raises:
        MetricError: flip without `mirrored`, or no query has a positive.
    """
    chosen = options.each_alone()
    if len(chosen) > 1:
        chosen.append(options)
    return {one.name: _measured(dataset, policy, calibration, one, mirrored) for one in chosen}


def _measured(
    dataset: EmbeddedDataset,
    policy: str,
    calibration: Calibration | None,
    variant: VariantOptions,
    mirrored: EmbeddedDataset | None,
) -> Evaluation:
    if variant.flip:
        if mirrored is None:
            raise MetricError("flip needs the data set embedded from mirrored images too")
        dataset = flip_averaged(dataset, mirrored)
    figures = []
    for one in directions(dataset):
        query = one.query
        distances = policy_distances(query, one.gallery, policy, calibration)
        if variant.query_expansion:
            query = expand_queries(query, one.gallery, distances, variant.query_expansion)
            distances = policy_distances(query, one.gallery, policy, calibration)
        if variant.re_ranking:
            distances = _re_ranked(query, one.gallery, policy, calibration)
        ranking = rank(distances, query, one.gallery, one.junk)
        figures.append(figures_of(ranking, len(one.gallery)))
    return Evaluation(mean_figures(figures), figures)


def flip_averaged(dataset: EmbeddedDataset, mirrored: EmbeddedDataset) -> EmbeddedDataset:
    """The mean of the branch features of the images and of their mirror images.

    Args:
        dataset: embedded query and gallery.
        mirrored: the same samples in the same order, embedded from mirrored images.
    """

    def averaged(plain: EmbeddedSamples, mirror: EmbeddedSamples) -> EmbeddedSamples:
        mean = (plain.features.astype(np.float64) + mirror.features) / 2
        return replace(plain, features=round_to_stored(mean.astype(np.float32)))

    return replace(
        dataset,
        query=averaged(dataset.query, mirrored.query),
        gallery=averaged(dataset.gallery, mirrored.gallery),
    )


def _re_ranked(
    query: EmbeddedSamples,
    gallery: EmbeddedSamples,
    policy: str,
    calibration: Calibration | None,
) -> NDArray[np.float64]:
    features = np.concatenate([query.features, gallery.features])
    mask = np.concatenate([query.mask, gallery.mask])
    every = all_pairs_distances(features, mask, policy, calibration)
    return re_rank(every, len(query))
