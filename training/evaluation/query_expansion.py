"""Average query expansion (`vreid.query_expansion`) of an embedded data set's queries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedSamples, same_samples
from vreid.query_expansion import expanded_features


def expand_queries(
    query: EmbeddedSamples,
    gallery: EmbeddedSamples,
    distances: NDArray[np.float64],
    neighbours: int,
) -> EmbeddedSamples:
    """Queries averaged with their nearest gallery samples; a query is no neighbour of itself.

    Args:
        query: (Q, 3, D).
        gallery: (G, 3, D).
        distances: (Q, G), infinite where the policy does not compare the pair; such pairs are no
            neighbours either. Ties go to the earlier gallery row.
        neighbours: how many, at least 1; a query with fewer is averaged with those.

    Raises:
        MetricError: `neighbours` is below 1.
    """
    reachable = np.where(same_samples(query, gallery), np.inf, distances)
    features = expanded_features(
        query.features, query.mask, gallery.features, gallery.mask, reachable, neighbours
    )
    return replace(query, features=features)
