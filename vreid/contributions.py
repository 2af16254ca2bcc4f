"""What each modality adds to the score of a pair, see `vreid.scoring`."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.calibration import Calibration
from vreid.compared_sides import Sides, checked_policy, checked_sides, quotient, squares
from vreid.errors import ScoringError
from vreid.modality import MODALITIES, Modality
from vreid.policy import CENTER, NOT_SCORED, representations
from vreid.scoring import Scores, scores_of


def contributions(
    query_features: ArrayLike,
    query_mask: ArrayLike,
    gallery_features: ArrayLike,
    gallery_mask: ArrayLike,
    policy: str,
) -> dict[Modality, float]:
    """What each modality adds to the score of one pair; the values sum to the score.

    For a concatenation that is the modality's own dot product over the common norm. A center
    mixes modalities, so each side's part in the dot product counts half.

    Args:
        query_features: branch features of one sample (3, D).
        query_mask: (3,).
        gallery_features: (3, D).
        gallery_mask: (3,).
        policy: center, concat or shared.

    Raises:
        ScoringError: the policy is unknown or does not compare this pair, or the features
            do not fit together.
    """
    table = contribution_table(
        query_features,
        query_mask,
        np.asarray(gallery_features)[None],
        np.atleast_2d(np.asarray(gallery_mask)),
        policy,
    )
    return contributions_by_modality(table)[0]


def contribution_table(
    query_features: ArrayLike,
    query_mask: ArrayLike,
    gallery_features: ArrayLike,
    gallery_mask: ArrayLike,
    policy: str,
) -> NDArray[np.float64]:
    """What each modality adds to the score of one query with each gallery sample.

    Args:
        query_features: branch features of one sample (3, D).
        query_mask: (3,).
        gallery_features: (G, 3, D).
        gallery_mask: (G, 3).
        policy: center, concat or shared.

    Returns:
        (G, 3), see `contributions`; not a number where a modality takes no part.

    Raises:
        ScoringError: the policy is unknown or does not compare one of the pairs, or the features
            do not fit together.
    """
    chosen = checked_policy(policy)
    sides = checked_sides(
        np.asarray(query_features)[None], query_mask, gallery_features, gallery_mask
    )
    codes = representations(sides[0][1], sides[1][1], chosen)[0]
    if (codes == NOT_SCORED).any():
        raise ScoringError(
            f"policy {chosen} does not compare this pair; use shared, or complete samples"
        )
    return _contributions(sides, codes)


def _contributions(sides: Sides, codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """See `contribution_table`; `codes` (G,) say by what each pair is compared."""
    (query, query_present), (gallery, gallery_present), used = sides
    by_center = (codes == CENTER)[:, None]
    # A sum for each pair by itself: how many are asked for changes no number.
    dots = np.einsum("gmd,nd->gmn", gallery, query[0])
    shared = (query_present & gallery_present)[:, used]
    lengths = np.sqrt((_row_squares(query) * shared).sum(axis=1)) * np.sqrt(
        (_row_squares(gallery) * shared).sum(axis=1)
    )
    concatenated = quotient(np.einsum("gmm->gm", dots), lengths[:, None])
    halves = (dots.sum(axis=2) + dots.sum(axis=1)) / 2
    lengths = np.sqrt(squares(_sums(query))) * np.sqrt(squares(_sums(gallery)))
    centered = quotient(halves, lengths[:, None])
    taking_part = np.where(by_center, (query_present | gallery_present)[:, used], shared)
    table = np.full(gallery_present.shape, np.nan)
    table[:, used] = np.where(taking_part, np.where(by_center, centered, concatenated), np.nan)
    return table


def contributions_by_modality(table: NDArray[np.float64]) -> list[dict[Modality, float]]:
    """Each row of a `contribution_table` (G, 3) by modality, without those that take no part."""
    rows = table.tolist()
    if not np.isnan(table).any():
        return [dict(zip(MODALITIES, row, strict=True)) for row in rows]
    return [
        {
            modality: value
            for modality, value in zip(MODALITIES, row, strict=True)
            if not math.isnan(value)
        }
        for row in rows
    ]


def score_with_contributions(
    query_features: ArrayLike,
    query_mask: ArrayLike,
    gallery_features: ArrayLike,
    gallery_mask: ArrayLike,
    policy: str,
    calibration: Calibration | None = None,
) -> tuple[Scores, NDArray[np.float64]]:
    """What `score` and `contribution_table` give for one query, checked and converted once.

    Takes what they take, the query (1, 3, D) with its mask (1, 3). In the table, pairs that the
    policy does not compare are not a number.

    Raises:
        ScoringError: as `score`.
    """
    chosen = checked_policy(policy)
    sides = checked_sides(query_features, query_mask, gallery_features, gallery_mask)
    scores = scores_of(sides, chosen, calibration)
    table = _contributions(sides, scores.representation[0])
    table[~scores.valid[0]] = np.nan
    return scores, table


def _sums(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each sample's features (N, D)."""
    alone = features.shape[1] == 1
    return np.asarray(features[:, 0] if alone else features.sum(axis=1), dtype=np.float64)


def _row_squares(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared length of each modality's features (N, M)."""
    return np.asarray(np.einsum("nmd,nmd->nm", features, features), dtype=np.float64)
