"""Scoring policies, and the representations that a policy chooses for a pair of samples.

    center   masked centers (Eq. 17); every pair
    concat   concatenation of all three modalities; pairs where both samples are complete
    shared   concatenation of the modalities that both have; centers where they share none
    auto     whichever of these the bundle records (`resolve_policy`)

A representation has a code: `NOT_SCORED`; 1 to 7 for the concatenation of shared modalities (RGB
adds 1, NIR 2, TIR 4, so that `COMPLETE` is all three); `CENTER`.
"""

from functools import cache
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.calibration import center_key, shared_key
from vreid.errors import ScoringError
from vreid.modality import MODALITIES, Modality, modalities_of

Policy = Literal["center", "concat", "shared", "auto"]
ResolvedPolicy = Literal["center", "concat", "shared"]

POLICIES: tuple[Policy, ...] = get_args(Policy)
RESOLVED_POLICIES: tuple[ResolvedPolicy, ...] = get_args(ResolvedPolicy)

NOT_SCORED = 0
"""Representation code of a pair that the policy does not compare."""

CENTER = 8
"""Representation code of a pair compared by centers.

Codes 1 to 7 are concatenations of shared modalities: RGB adds 1, NIR 2, TIR 4.
"""

COMPLETE = 7
"""Representation code of the concatenation of all three modalities."""

_BITS = np.array([1, 2, 4], dtype=np.int8)


def resolve_policy(policy: str, bundle_auto: str = "shared") -> ResolvedPolicy:
    """The policy to score by: ``auto`` becomes the one that the bundle records.

    Raises:
        ScoringError: one of the two is no policy.
    """
    chosen = bundle_auto if policy == "auto" else policy
    for known in RESOLVED_POLICIES:
        if chosen == known:
            return known
    raise ScoringError(f"{chosen!r} is no scoring policy; use one of {', '.join(POLICIES)}")


def representations(
    query: NDArray[np.bool_], gallery: NDArray[np.bool_], policy: ResolvedPolicy
) -> NDArray[np.int8]:
    """Representation code of every pair (Q, G)."""
    common: NDArray[np.int8] = subset_codes(query)[:, None] & subset_codes(gallery)[None, :]
    if policy == "center":
        return np.full_like(common, CENTER)
    if policy == "concat":
        return np.where(common == COMPLETE, common, np.int8(NOT_SCORED))
    return np.where(common == 0, np.int8(CENTER), common)


def representation_key(code: int, query_mask: ArrayLike, gallery_mask: ArrayLike) -> str | None:
    """Calibration key of a pair from its representation code and the two mask rows (3,).

    None for a pair that was not scored.
    """
    if code == NOT_SCORED:
        return None
    if code == CENTER:
        return center_key(
            modalities_of(np.asarray(query_mask, dtype=np.bool_)),
            modalities_of(np.asarray(gallery_mask, dtype=np.bool_)),
        )
    return shared_key(_subset(code))


@cache
def possible_keys(policy: ResolvedPolicy) -> tuple[str, ...]:
    """Every calibration key that a policy can need.

    Coverage is judged by what could come, not by what this gallery holds: otherwise one
    enrolment could turn ranking by probability into ranking by cosine.
    """
    subsets = [_subset(code) for code in range(1, COMPLETE + 1)]
    if policy == "concat":
        return (shared_key(MODALITIES),)
    if policy == "center":
        return tuple(center_key(query, gallery) for query, gallery in product(subsets, subsets))
    return (
        *(shared_key(subset) for subset in subsets),
        *(
            center_key(query, gallery)
            for query, gallery in product(subsets, subsets)
            if not set(query) & set(gallery)
        ),
    )


def subset_codes(mask: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Each mask row (N, 3) as a number: RGB adds 1, NIR 2, TIR 4."""
    return np.asarray(mask @ _BITS, dtype=np.int8)


def _subset(code: int) -> tuple[Modality, ...]:
    return tuple(modality for modality in MODALITIES if code >> modality.index & 1)
