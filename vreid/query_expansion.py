"""Average query expansion: a query is replaced by the mean of itself and its nearest neighbours.

Defined on branch features, so that samples with missing modalities take part with those
they have, and every scoring policy can compare the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vreid.embedding import round_to_stored
from vreid.errors import MetricError


def expanded_features(
    query_features: NDArray[np.floating],
    query_mask: NDArray[np.bool_],
    gallery_features: NDArray[np.floating],
    gallery_mask: NDArray[np.bool_],
    distances: NDArray[np.float64],
    neighbours: int,
) -> NDArray[np.float32]:
    """Features (Q, 3, D) of queries averaged with their nearest samples, modality by modality.

    Every sample is first divided by the root mean square length of the modalities it has, so that
    each counts the same, as a complete sample's normalised concatenation does. A modality's mean is
    over those that have it. The query keeps its own mask: what it has not seen it does not borrow.

    Args:
        query_features: (Q, 3, D).
        query_mask: (Q, 3).
        gallery_features: (G, 3, D).
        gallery_mask: (G, 3).
        distances: (Q, G), infinite for pairs that are to be no neighbours. Ties go to the earlier
            gallery row.
        neighbours: how many, at least 1; a query with fewer is averaged with those.

    Raises:
        MetricError: `neighbours` is below 1.
    """
    if neighbours < 1:
        raise MetricError(f"query expansion over {neighbours} neighbours; give at least 1")
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    counted = np.isfinite(np.take_along_axis(distances, nearest, axis=1))

    own = unit_samples(query_features, query_mask)
    others = unit_samples(gallery_features, gallery_mask)
    taken = counted[..., None] & gallery_mask[nearest] & query_mask[:, None]
    total = own * query_mask[..., None]
    for place in range(nearest.shape[1]):
        total += others[nearest[:, place]] * taken[:, place, :, None]
    parts = query_mask + taken.sum(axis=1)
    mean = total / np.maximum(parts, 1)[..., None]
    return round_to_stored(mean.astype(np.float32))


def unit_samples(features: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Features (N, 3, D) over the root mean square length of the modalities in `mask` (N, 3)."""
    present = features.astype(np.float64) * mask[..., None]
    squares = np.einsum("nmd,nmd->n", present, present) / mask.sum(axis=1)
    lengths = np.sqrt(squares)[:, None, None]
    unit = np.zeros_like(present)
    np.divide(present, lengths, out=unit, where=lengths > 0)
    return unit
