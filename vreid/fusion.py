"""One vector for a sample: the masked geometric center, and the concatenation.

Both take branch features (N, 3, D), the necks' outputs on the modality axis RGB, NIR, TIR, and
are L2-normalised last, so that a dot product is a cosine.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.errors import FusionError

Real = TypeVar("Real", np.float32, np.float64)


def masked_center(features: ArrayLike, mask: ArrayLike) -> NDArray[np.float32]:
    """The masked geometric center of each sample (Eq. 17), L2-normalised.

    ``center = sum_m T_m f_m / sum_m T_m``. Rows of missing modalities are ignored, whatever they
    hold. Sums are accumulated in float64. A center of length zero stays zero.

    Args:
        features: branch features, shape (N, M, D), M = 3 everywhere in vreid.
        mask: which modalities are there, shape (N, M), bool or 0/1, at least one in each row.

    Returns:
        Centers, shape (N, D).

    Raises:
        FusionError: the shapes do not fit, a mask row is empty, or a present feature is not finite.
    """
    stacked, present = checked_features(features, mask)
    return l2_normalise(unnormalised_center(stacked, present)).astype(np.float32)


def concatenate(features: ArrayLike) -> NDArray[np.float32]:
    """The concatenation of each complete sample's branch features, L2-normalised.

    The caller makes sure that the samples are complete: a row of zeros for a missing modality
    gives a vector that is comparable with nothing.

    Args:
        features: branch features, shape (N, M, D).

    Returns:
        Concatenations, shape (N, M * D).

    Raises:
        FusionError: the shape is another, or a feature is not finite.
    """
    stacked = np.asarray(features)
    if stacked.ndim != 3:
        raise _wrong_shape(stacked)
    stacked, _ = checked_features(stacked, np.ones(stacked.shape[:2], dtype=np.bool_))
    samples, modalities, size = stacked.shape
    return l2_normalise(stacked.reshape(samples, modalities * size)).astype(np.float32)


def center_and_concatenation(
    features: NDArray[np.float32], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What `masked_center` and `concatenate` give, of features that need no check any more.

    Args:
        features: branch features, shape (N, M, D), as `vreid.embedding.embed` returns them: finite,
            and zero where a modality is missing.
        mask: which modalities are there, shape (N, M), at least one in each row.

    Returns:
        Centers, shape (N, D), and concatenations, shape (N, M * D), which are comparable with
        something where the sample is complete.
    """
    known = features.astype(np.float64)
    samples, modalities, size = known.shape
    return (
        l2_normalise(unnormalised_center(known, mask)).astype(np.float32),
        l2_normalise(known.reshape(samples, modalities * size)).astype(np.float32),
    )


def checked_features(
    features: ArrayLike, mask: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features in float64 with missing rows set to zero, and the mask as bool.

    Raises:
        FusionError: the shapes do not fit, a mask row is empty, or a present feature is not finite.
    """
    stacked = np.asarray(features)
    present = np.asarray(mask)
    if stacked.ndim != 3:
        raise _wrong_shape(stacked)
    if present.shape != stacked.shape[:2]:
        raise FusionError(
            f"features of shape {stacked.shape} need a mask of shape {stacked.shape[:2]}, "
            f"not {present.shape}; give one truth value per sample and modality"
        )
    if present.dtype != np.bool_ and not np.isin(present, (0, 1)).all():
        raise FusionError("the mask holds values other than 0 and 1; give booleans")
    present = present.astype(np.bool_)
    empty = np.flatnonzero(~present.any(axis=1))
    if empty.size:
        raise FusionError(
            f"sample {empty[0]} has no modality at all; leave it out or give at least one image"
        )
    known = stacked.astype(np.float64)
    if not present.all():
        known[~present] = 0
    if not np.isfinite(known).all():
        raise FusionError(
            "a feature is not a finite number; the model or its input is broken, "
            "check the images and run `vreid bundle verify` on the bundle"
        )
    return known, present


def unnormalised_center(
    features: NDArray[np.float64], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Eq. 17 as it stands, before normalisation; missing rows of ``features`` are zero."""
    counts = mask.sum(axis=1)[:, None]
    if features.shape[1] == 1:
        return np.asarray(features[:, 0] / counts, dtype=np.float64)
    # In place: to fetch and clear memory for another array takes longer than to divide.
    sums = np.asarray(features.sum(axis=1), dtype=np.float64)
    sums /= counts
    return sums


def l2_normalise(vectors: NDArray[Real]) -> NDArray[Real]:
    """Rows of unit length; a row of zeros stays zero."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]
    if (lengths > 0).all():
        return np.asarray(vectors / lengths, dtype=vectors.dtype)
    unit = np.zeros_like(vectors)
    np.divide(vectors, lengths, out=unit, where=lengths > 0)
    return unit


def _wrong_shape(features: NDArray[np.generic]) -> FusionError:
    return FusionError(
        f"features have the shape {features.shape}; give (samples, modalities, feature size)"
    )
