"""Average query expansion: a query is replaced by the mean of itself and its nearest neighbours.

Defined on branch features, so that samples with missing modalities take part with those
they have, and every scoring policy can compare the result.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedSamples, same_samples
from vreid.embedding import round_to_stored
from vreid.errors import MetricError


def expand_queries(
    query: EmbeddedSamples,
    gallery: EmbeddedSamples,
    distances: NDArray[np.float64],
    neighbours: int,
) -> EmbeddedSamples:
    """Queries averaged with their nearest gallery samples, modality by modality.

    Every sample is first divided by the root mean square length of the modalities it has, so that
    each counts the same, as a complete sample's normalised concatenation does. A modality's mean is
    over those that have it. The query keeps its own mask: what it has not seen it does not borrow.

    Args:
        query: (Q, 3, D).
        gallery: (G, 3, D).
        distances: (Q, G), infinite where the policy does not compare the pair; such pairs and
            the query itself are no neighbours. Ties go to the earlier gallery row.
        neighbours: how many, at least 1; a query with fewer is averaged with those.

    Raises:
        MetricError: `neighbours` is below 1.
    """
    if neighbours < 1:
        raise MetricError(f"query expansion over {neighbours} neighbours; give at least 1")
    reachable = np.where(same_samples(query, gallery), np.inf, distances)
    nearest = np.argsort(reachable, axis=1, kind="stable")[:, :neighbours]
    counted = np.isfinite(np.take_along_axis(reachable, nearest, axis=1))

    own, others = unit_samples(query), unit_samples(gallery)
    taken = counted[..., None] & gallery.mask[nearest] & query.mask[:, None]
    total = own * query.mask[..., None]
    for place in range(nearest.shape[1]):
        total += others[nearest[:, place]] * taken[:, place, :, None]
    parts = query.mask + taken.sum(axis=1)
    mean = total / np.maximum(parts, 1)[..., None]
    return replace(query, features=round_to_stored(mean.astype(np.float32)))


def unit_samples(samples: EmbeddedSamples) -> NDArray[np.float64]:
    """Features (N, 3, D) over the root mean square length of the sample's present modalities."""
    features = samples.features.astype(np.float64) * samples.mask[..., None]
    squares = np.einsum("nmd,nmd->n", features, features) / samples.mask.sum(axis=1)
    lengths = np.sqrt(squares)[:, None, None]
    unit = np.zeros_like(features)
    np.divide(features, lengths, out=unit, where=lengths > 0)
    return unit
