"""The best candidates in another order, by their neighbours among each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.embedding.query import Query
from service.gallery.gallery import Match
from service.search.input import ReRanking
from vreid.calibration import Calibration
from vreid.query_expansion import expanded_features
from vreid.re_ranking import all_pairs_distances, re_rank
from vreid.scoring import ResolvedPolicy, score


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate after re-ranking: its match as found, its rank then, and its new distance."""

    match: Match
    original_rank: int
    distance: float


def re_ranked(
    query: Query,
    matches: Sequence[Match],
    asked: ReRanking,
    policy: ResolvedPolicy,
    calibration: Calibration | None,
) -> list[Candidate]:
    """Return the matches in their new order; equal ones stay in the order in which they came.

    Args:
        query: what was searched for.
        matches: best first, every one comparable with the query by the policy.
        asked: the method and its numbers.
        policy: decides which representation two samples are compared by.
        calibration: the bundle's.
    """
    if not matches:
        return []
    features = np.stack([query.features, *(match.record.features for match in matches)])
    mask = np.stack([query.mask, *(match.record.mask for match in matches)])
    if asked.method == "k-reciprocal":
        every = all_pairs_distances(features, mask, policy, calibration)
        distances = re_rank(every, 1, asked.k1, asked.k2, asked.first_share)[0]
    else:
        distances = _expanded_distances(features, mask, asked.neighbours, policy, calibration)
    order = np.argsort(distances, kind="stable")
    return [Candidate(matches[row], int(row) + 1, float(distances[row])) for row in order]


def _expanded_distances(
    features: NDArray[np.floating],
    mask: NDArray[np.bool_],
    neighbours: int,
    policy: ResolvedPolicy,
    calibration: Calibration | None,
) -> NDArray[np.float64]:
    """Distances (G,) of the expanded query, the first row, to the others."""
    query, query_mask, gallery, gallery_mask = features[:1], mask[:1], features[1:], mask[1:]
    # The candidates come best first.
    order = np.arange(len(gallery), dtype=np.float64)[None]
    expanded = expanded_features(query, query_mask, gallery, gallery_mask, order, neighbours)
    scores = score(expanded, query_mask, gallery, gallery_mask, policy, calibration)
    return np.asarray(1 - scores.ranking_key[0], dtype=np.float64)
