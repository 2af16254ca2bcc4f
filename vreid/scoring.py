"""How alike two samples are: the cosine of the representation that a policy chooses for the pair.

`vreid.policy` describes the policies. ``center`` and ``concat`` compare one representation, so
they rank by its cosine. ``shared`` mixes representations, whose cosines are not comparable, so it
ranks by calibrated probability; without a calibration that covers every pair it can
meet, it ranks by cosine.

Sums are accumulated in float64 over features that float16 holds exactly
(`vreid.embedding.round_to_stored`), and cosines are rounded to 12 decimals. What is left of
summation order (about 1e-16) disappears there, so a pair has the same score alone, among a few
candidates, or among the whole gallery, and true ties are ties.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.calibration import Calibration
from vreid.errors import FusionError, ScoringError
from vreid.fusion import checked_features, l2_normalise, unnormalised_center
from vreid.modality import MODALITIES, Modality
from vreid.policy import (
    CENTER,
    COMPLETE,
    NOT_SCORED,
    POLICIES,
    RESOLVED_POLICIES,
    Policy,
    ResolvedPolicy,
    possible_keys,
    representation_key,
    representations,
    resolve_policy,
    subset_codes,
)

__all__ = [
    "CENTER",
    "COMPLETE",
    "DECIMALS",
    "EXCLUDED_KEY",
    "NOT_SCORED",
    "POLICIES",
    "RESOLVED_POLICIES",
    "Policy",
    "ResolvedPolicy",
    "Scores",
    "calibrated_probabilities",
    "contribution_table",
    "contributions",
    "contributions_of_row",
    "representation_key",
    "resolve_policy",
    "score",
    "score_with_contributions",
]

DECIMALS = 12
"""Decimals that a cosine is rounded to."""

EXCLUDED_KEY = -2.0
"""Ranking key of a pair that is not scored: below every cosine and probability."""


_Side: TypeAlias = tuple[NDArray[np.float64], NDArray[np.bool_]]
_Sides: TypeAlias = tuple[_Side, _Side, NDArray[np.bool_]]


@dataclass(frozen=True)
class Scores:
    """Scores of every query against every gallery sample; all arrays have the shape (Q, G).

    Attributes:
        score: cosine of the representation used, in [-1, 1]; -1 where not valid.
        probability: calibrated probability of "same vehicle", 0 where not valid; None when no
            calibration covers the policy.
        representation: which representation was used (`representation_key` names it).
        ranking_key: what to sort by, descending; ties go to the earlier gallery row.
        valid: whether the policy compares the pair at all.
    """

    score: NDArray[np.float64]
    probability: NDArray[np.float64] | None
    representation: NDArray[np.int8]
    ranking_key: NDArray[np.float64]
    valid: NDArray[np.bool_]


def score(
    query_features: ArrayLike,
    query_mask: ArrayLike,
    gallery_features: ArrayLike,
    gallery_mask: ArrayLike,
    policy: str,
    calibration: Calibration | None = None,
) -> Scores:
    """Score every query against every gallery sample.

    Takes about 8 * (Q * G * 6 + (Q + G) * 3 * D) bytes; the caller cuts large galleries into
    pieces, which changes no number.

    Args:
        query_features: branch features (Q, 3, D); rows of missing modalities are ignored.
        query_mask: (Q, 3), at least one in each row.
        gallery_features: (G, 3, D).
        gallery_mask: (G, 3).
        policy: center, concat or shared; resolve ``auto`` with `resolve_policy` first.
        calibration: the bundle's, for probabilities.

    Raises:
        ScoringError: the policy is unknown or unresolved, or features do not fit together.
    """
    chosen = _checked_policy(policy)
    sides = _checked_sides(query_features, query_mask, gallery_features, gallery_mask)
    return _scores(sides, chosen, calibration)


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
    chosen = _checked_policy(policy)
    sides = _checked_sides(query_features, query_mask, gallery_features, gallery_mask)
    scores = _scores(sides, chosen, calibration)
    table = _contributions(sides, scores.representation[0])
    table[~scores.valid[0]] = np.nan
    return scores, table


def _scores(sides: _Sides, chosen: ResolvedPolicy, calibration: Calibration | None) -> Scores:
    (query, query_present), (gallery, gallery_present), used = sides
    representation = representations(query_present, gallery_present, chosen)
    valid = representation != NOT_SCORED
    cosine = np.full(representation.shape, -1.0)
    by_center = representation == CENTER
    by_concatenation = valid & ~by_center
    if by_concatenation.any():
        shared = _shared_cosines(query, query_present[:, used], gallery, gallery_present[:, used])
        cosine[by_concatenation] = shared[by_concatenation]
    if by_center.any():
        centers = _center_cosines(query, query_present, gallery, gallery_present)
        cosine[by_center] = centers[by_center]
    cosine = np.clip(np.round(cosine, DECIMALS), -1.0, 1.0)

    probability = None
    if calibration is not None and calibration.covers(possible_keys(chosen)):
        probability = calibrated_probabilities(
            cosine, representation, query_present, gallery_present, calibration
        )
    by_probability = chosen == "shared" and probability is not None
    ranking_key = np.where(
        valid, probability if by_probability and probability is not None else cosine, EXCLUDED_KEY
    )
    return Scores(cosine, probability, representation, ranking_key, valid)


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
    return contributions_of_row(table[0])


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
    chosen = _checked_policy(policy)
    sides = _checked_sides(
        np.asarray(query_features)[None], query_mask, gallery_features, gallery_mask
    )
    codes = representations(sides[0][1], sides[1][1], chosen)[0]
    if (codes == NOT_SCORED).any():
        raise ScoringError(
            f"policy {chosen} does not compare this pair; use shared, or complete samples"
        )
    return _contributions(sides, codes)


def _contributions(sides: _Sides, codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """See `contribution_table`; `codes` (G,) say by what each pair is compared."""
    (query, query_present), (gallery, gallery_present), used = sides
    by_center = (codes == CENTER)[:, None]
    # A sum for each pair by itself: how many are asked for changes no number.
    dots = np.einsum("gmd,nd->gmn", gallery, query[0])
    shared = (query_present & gallery_present)[:, used]
    lengths = np.sqrt((_row_squares(query) * shared).sum(axis=1)) * np.sqrt(
        (_row_squares(gallery) * shared).sum(axis=1)
    )
    concatenated = _quotient(np.einsum("gmm->gm", dots), lengths[:, None])
    halves = (dots.sum(axis=2) + dots.sum(axis=1)) / 2
    lengths = np.sqrt(_squares(_sums(query))) * np.sqrt(_squares(_sums(gallery)))
    centered = _quotient(halves, lengths[:, None])
    taking_part = np.where(by_center, (query_present | gallery_present)[:, used], shared)
    table = np.full(gallery_present.shape, np.nan)
    table[:, used] = np.where(taking_part, np.where(by_center, centered, concatenated), np.nan)
    return table


def contributions_of_row(row: NDArray[np.float64]) -> dict[Modality, float]:
    """One row (3,) of `contribution_table` by modality, without those that take no part."""
    return {
        modality: value
        for modality, value in zip(MODALITIES, row.tolist(), strict=True)
        if not math.isnan(value)
    }


def _checked_policy(policy: str) -> ResolvedPolicy:
    if policy == "auto":
        raise ScoringError(
            "policy auto stands for the one that the bundle records; "
            "resolve it with resolve_policy(policy, manifest.auto_policy) first"
        )
    return resolve_policy(policy)


def _checked_sides(
    query_features: ArrayLike,
    query_mask: ArrayLike,
    gallery_features: ArrayLike,
    gallery_mask: ArrayLike,
) -> _Sides:
    """Features (N, U, D) and mask (N, 3) of both sides, and which U modalities (3,) either has.

    What neither has is left out: it would add zeros, which take as long as other numbers.
    """
    query = _checked_shape(query_features, query_mask, "query")
    gallery = _checked_shape(gallery_features, gallery_mask, "gallery")
    if query[0].shape[2] != gallery[0].shape[2]:
        raise ScoringError(
            f"query features have {query[0].shape[2]} values and gallery features "
            f"{gallery[0].shape[2]}; embed both with the same bundle"
        )
    used = np.asarray(query[1].any(axis=0) | gallery[1].any(axis=0), dtype=np.bool_)
    return _checked_side(*query, used, "query"), _checked_side(*gallery, used, "gallery"), used


def _checked_shape(
    features: ArrayLike, mask: ArrayLike, side: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    stacked, present = np.asarray(features), np.atleast_2d(np.asarray(mask))
    if stacked.ndim != 3 or present.shape != stacked.shape[:2]:
        # Says what is wrong.
        _checked(stacked, present, side)
    if stacked.shape[1] != len(MODALITIES):
        raise ScoringError(
            f"{side} features have {stacked.shape[1]} modalities; give the three of {MODALITIES}"
        )
    return stacked, present


def _checked_side(
    features: NDArray[Any], mask: NDArray[Any], used: NDArray[np.bool_], side: str
) -> _Side:
    if used.all():
        return _checked(features, mask, side)
    known, there = _checked(features[:, used], mask[:, used], side)
    present = np.zeros(mask.shape, np.bool_)
    present[:, used] = there
    return known, present


def _checked(features: NDArray[Any], mask: NDArray[Any], side: str) -> _Side:
    try:
        return checked_features(features, mask)
    except FusionError as error:
        raise ScoringError(f"{side}: {error}") from error


def _shared_cosines(
    query: NDArray[np.float64],
    query_present: NDArray[np.bool_],
    gallery: NDArray[np.float64],
    gallery_present: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Cosine of the concatenated shared modalities (Q, G); 0 where none is shared."""
    dots = np.zeros((len(query), len(gallery)))
    query_squares = np.zeros_like(dots)
    gallery_squares = np.zeros_like(dots)
    # What no query has adds nothing.
    for index in np.flatnonzero(query_present.any(axis=0)):
        # Missing rows are zero, so they add nothing to the dot products; the squared
        # norms have to be masked by the other side.
        dots += query[:, index] @ gallery[:, index].T
        query_squares += np.outer(_squares(query[:, index]), gallery_present[:, index])
        gallery_squares += np.outer(query_present[:, index], _squares(gallery[:, index]))
    return _quotient(dots, np.sqrt(query_squares) * np.sqrt(gallery_squares))


def _center_cosines(
    query: NDArray[np.float64],
    query_present: NDArray[np.bool_],
    gallery: NDArray[np.float64],
    gallery_present: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Cosine of the masked centers (Q, G)."""
    return (
        l2_normalise(unnormalised_center(query, query_present))
        @ l2_normalise(unnormalised_center(gallery, gallery_present)).T
    )


def calibrated_probabilities(
    cosine: NDArray[np.float64],
    representation: NDArray[np.int8],
    query_present: NDArray[np.bool_],
    gallery_present: NDArray[np.bool_],
    calibration: Calibration,
) -> NDArray[np.float64]:
    """Calibrated probability of every pair; one table look-up for each pair of subsets.

    Args:
        cosine: (Q, G), of the representation that `representation` names.
        representation: (Q, G), see `vreid.policy.representations`.
        query_present: (Q, 3), which modalities are there.
        gallery_present: (G, 3).
        calibration: the bundle's.

    Returns:
        (Q, G); 0 where the calibration or the policy leaves a pair out.
    """
    probability = np.zeros_like(cosine)
    for query_rows in _rows_by_subset(query_present):
        for gallery_rows in _rows_by_subset(gallery_present):
            block = np.ix_(query_rows, gallery_rows)
            key = representation_key(
                int(representation[query_rows[0], gallery_rows[0]]),
                query_present[query_rows[0]],
                gallery_present[gallery_rows[0]],
            )
            if key is None:
                continue
            calibrated = calibration.probability(key, cosine[block])
            if calibrated is not None:
                probability[block] = calibrated
    return probability


def _rows_by_subset(present: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    codes = subset_codes(present)
    for code in np.unique(codes):
        yield np.flatnonzero(codes == code)


def _squares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("nd,nd->n", rows, rows), dtype=np.float64)


def _sums(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each sample's features (N, D)."""
    alone = features.shape[1] == 1
    return np.asarray(features[:, 0] if alone else features.sum(axis=1), dtype=np.float64)


def _row_squares(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared length of each modality's features (N, M)."""
    return np.asarray(np.einsum("nmd,nmd->nm", features, features), dtype=np.float64)


def _quotient(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
