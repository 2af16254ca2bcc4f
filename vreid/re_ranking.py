"""k-reciprocal re-ranking (Zhong et al., CVPR 2017, arXiv 1701.08398).

Two samples that are among each other's nearest neighbours are likelier to match than one that is
merely near the other. Each sample is encoded by its k-reciprocal neighbours; the Jaccard
distance of two encodings is mixed with the first distance. No label is used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vreid.calibration import Calibration
from vreid.errors import MetricError
from vreid.scoring import score

NEIGHBOURS = 20
"""k1 of the paper: size of the neighbourhoods."""

AVERAGED = 6
"""k2 of the paper: how many neighbours' encodings are averaged."""

FIRST_SHARE = 0.3
"""lambda of the paper: share of the first distance in the result."""

_PAIRS_AT_ONCE = 2_000_000


def all_pairs_distances(
    features: NDArray[np.floating],
    mask: NDArray[np.bool_],
    policy: str,
    calibration: Calibration | None,
) -> NDArray[np.float64]:
    """1 - cosine or probability of every two samples, (N, N), as `re_rank` takes them.

    Infinite where the policy does not compare the pair. Scored in pieces, since all at once would
    take several times the memory.

    Args:
        features: branch features (N, 3, D), queries first.
        mask: (N, 3).
        policy: center, concat or shared.
        calibration: the bundle's; None without.

    Raises:
        ScoringError: the policy is unknown, or features and mask do not fit together.
    """
    distances = np.empty((len(mask), len(mask)))
    rows = max(1, _PAIRS_AT_ONCE // max(1, len(mask)))
    for start in range(0, len(mask), rows):
        piece = slice(start, start + rows)
        scores = score(features[piece], mask[piece], features, mask, policy, calibration)
        distances[piece] = np.where(scores.valid, 1 - scores.ranking_key, np.inf)
    return distances


def re_rank(
    distances: NDArray[np.float64],
    queries: int,
    neighbours: int = NEIGHBOURS,
    averaged: int = AVERAGED,
    first_share: float = FIRST_SHARE,
) -> NDArray[np.float64]:
    """Distances of queries to gallery after re-ranking, (Q, G).

    Ties go to the earlier row. Pairs at infinite distance are no neighbours of each other
    and stay at infinite distance, so what is ranked stays the same set.

    Args:
        distances: (Q + G, Q + G), queries first, none negative; infinite where not comparable.
        queries: Q.
        neighbours: k1.
        averaged: k2; 1 leaves encodings as they are.
        first_share: lambda, from 0 (Jaccard alone) to 1 (first distance alone).

    Raises:
        MetricError: the distances are not square or negative, or a parameter is out of range.
    """
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
        raise MetricError(
            f"re-ranking got distances of shape {distances.shape}; give all pairs of queries and "
            "gallery together"
        )
    if (distances < 0).any():
        raise MetricError("re-ranking got a negative distance; give 1 - cosine or probability")
    if neighbours < 1 or averaged < 1 or not 0 <= first_share <= 1:
        raise MetricError(
            f"re-ranking with k1 {neighbours}, k2 {averaged}, lambda {first_share}; "
            "k1 and k2 are at least 1 and lambda is between 0 and 1"
        )
    first = _over_farthest(distances)
    order = np.argsort(distances, axis=1, kind="stable")
    encodings = _average(_encode(first, order, neighbours), first, order, averaged)
    jaccard = _jaccard(encodings, queries)
    asked = first[:queries, queries:]
    mixed = np.full_like(asked, np.inf)
    finite = np.isfinite(asked)
    mixed[finite] = (1 - first_share) * jaccard[finite] + first_share * asked[finite]
    return mixed


def _over_farthest(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row over its largest finite distance; infinite stays infinite."""
    largest = np.max(distances, axis=1, initial=0, where=np.isfinite(distances))
    return distances / np.where(largest > 0, largest, 1)[:, None]


def _nearest(first: NDArray[np.float64], order: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """(N, N): whether the column is among the row's `count` nearest, the row itself mostly too."""
    near = np.zeros(order.shape, dtype=np.bool_)
    np.put_along_axis(near, order[:, :count], True, axis=1)
    return near & np.isfinite(first)


def _encode(
    first: NDArray[np.float64], order: NDArray[np.intp], neighbours: int
) -> NDArray[np.float64]:
    """Weights of each sample's expanded k-reciprocal neighbours, rows summing to 1, (N, N)."""
    near = _nearest(first, order, neighbours + 1)
    reciprocal = near & near.T
    near_half = _nearest(first, order, round(neighbours / 2) + 1)
    reciprocal_half = near_half & near_half.T
    half_sizes = reciprocal_half.sum(axis=1)
    weights = np.zeros_like(first)
    for row, members in enumerate(reciprocal):
        candidates = np.flatnonzero(members)
        shared = np.count_nonzero(reciprocal_half[candidates][:, candidates], axis=1)
        joined = candidates[shared > 2 / 3 * half_sizes[candidates]]
        expanded = members | reciprocal_half[joined].any(axis=0)
        # A candidate's neighbour may be beyond comparison with the row itself.
        expanded &= np.isfinite(first[row])
        weights[row, expanded] = np.exp(-first[row, expanded])
        total = weights[row].sum()
        if total > 0:
            weights[row] /= total
    return weights


def _average(
    weights: NDArray[np.float64],
    first: NDArray[np.float64],
    order: NDArray[np.intp],
    averaged: int,
) -> NDArray[np.float64]:
    """Local query expansion: each encoding becomes the mean of its nearest samples' encodings."""
    if averaged == 1:
        return weights
    nearest = order[:, :averaged]
    counted = np.isfinite(np.take_along_axis(first, nearest, axis=1))
    total = np.zeros_like(weights)
    for place in range(nearest.shape[1]):
        total += weights[nearest[:, place]] * counted[:, place, None]
    mean = total / np.maximum(counted.sum(axis=1), 1)[:, None]
    return np.asarray(mean, dtype=np.float64)


def _jaccard(encodings: NDArray[np.float64], queries: int) -> NDArray[np.float64]:
    """Jaccard distance of every query's encoding to every gallery sample's, (Q, G)."""
    gallery = encodings[queries:]
    totals = gallery.sum(axis=1)
    distances = np.ones((queries, len(gallery)))
    for row in range(queries):
        members = np.flatnonzero(encodings[row])
        if not members.size:
            continue
        common = np.minimum(gallery[:, members], encodings[row, members]).sum(axis=1)
        distances[row] = 1 - common / (encodings[row].sum() + totals - common)
    return distances
