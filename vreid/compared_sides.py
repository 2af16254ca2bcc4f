"""Query and gallery as they are compared: checked, in float64, without what neither side has."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.errors import FusionError, ScoringError
from vreid.fusion import checked_features
from vreid.modality import MODALITIES
from vreid.policy import ResolvedPolicy, resolve_policy

Side: TypeAlias = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Features (N, U, D) and mask (N, 3)."""

Sides: TypeAlias = tuple[Side, Side, NDArray[np.bool_]]
"""The query, the gallery, and which U modalities (3,) either has."""


def checked_policy(policy: str) -> ResolvedPolicy:
    """The policy. Raises `ScoringError` when it is unknown or not resolved."""
    if policy == "auto":
        raise ScoringError(
            "policy auto stands for the one that the bundle records; "
            "resolve it with resolve_policy(policy, manifest.auto_policy) first"
        )
    return resolve_policy(policy)


def checked_sides(
    query_features: ArrayLike,
    query_mask: ArrayLike,
    gallery_features: ArrayLike,
    gallery_mask: ArrayLike,
) -> Sides:
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
) -> Side:
    if used.all():
        return _checked(features, mask, side)
    known, there = _checked(features[:, used], mask[:, used], side)
    present = np.zeros(mask.shape, np.bool_)
    present[:, used] = there
    return known, present


def _checked(features: NDArray[Any], mask: NDArray[Any], side: str) -> Side:
    try:
        return checked_features(features, mask)
    except FusionError as error:
        raise ScoringError(f"{side}: {error}") from error


def squares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared lengths (N,) of rows (N, D)."""
    return np.asarray(np.einsum("nd,nd->n", rows, rows), dtype=np.float64)


def quotient(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The quotients, 0 where the denominator is."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
