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

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.calibration import Calibration
from vreid.compared_sides import Sides, checked_policy, checked_sides, quotient, squares
from vreid.fusion import l2_normalise, unnormalised_center
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
    "representation_key",
    "resolve_policy",
    "score",
]

DECIMALS = 12
"""Decimals that a cosine is rounded to."""

EXCLUDED_KEY = -2.0
"""Ranking key of a pair that is not scored: below every cosine and probability."""


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
    chosen = checked_policy(policy)
    sides = checked_sides(query_features, query_mask, gallery_features, gallery_mask)
    return scores_of(sides, chosen, calibration)


def scores_of(sides: Sides, chosen: ResolvedPolicy, calibration: Calibration | None) -> Scores:
    """What `score` gives for sides that are checked."""
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
        query_squares += np.outer(squares(query[:, index]), gallery_present[:, index])
        gallery_squares += np.outer(query_present[:, index], squares(gallery[:, index]))
    return quotient(dots, np.sqrt(query_squares) * np.sqrt(gallery_squares))


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
