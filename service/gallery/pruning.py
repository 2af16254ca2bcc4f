"""Leaves out candidates that cannot be among the best, before they are scored exactly.

Exact scores come with checks and from all modalities: 200 candidates of 2048 values take 4 ms.
Their plain cosines take half a millisecond and err by less than a bound that is known, so what is
clearly behind the last result need not be scored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.gallery.rows import bits_mask, masks_of


def plain_cosines(
    features: NDArray[np.float16], mask: NDArray[np.uint8], common: int, vector: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Cosines (n,) of rows with a unit vector, as good as float32 has it.

    `features` (n, 3, D) are zero where `mask` bits (n,) lack a modality. With the mask bits
    `common`, the concatenations of these modalities are compared, else (0) the centers.
    """
    used = bits_mask(common) if common else masks_of(mask).any(axis=0)
    # NumPy converts float16 to float64 in half the time that it takes to float32.
    known = features[:, used].astype(np.float64)
    one = known.shape[1] == 1
    compared = known.reshape(len(known), -1) if common or one else known.sum(axis=1)
    lengths = np.sqrt(np.vecdot(compared, compared))
    products = compared @ vector.astype(np.float64)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def may_be_best(cosines: NDArray[np.float64], count: int, size: int) -> NDArray[np.bool_]:
    """Which (n,) can be among the `count` best, when cosines of `size` values err in float32."""
    if len(cosines) <= count:
        return np.ones(len(cosines), np.bool_)
    last = np.partition(cosines, len(cosines) - count)[len(cosines) - count]
    kept: NDArray[np.bool_] = cosines >= last - 4 * float32_error(size)
    return kept


def float32_error(size: int) -> float:
    """Bound on the error of a float32 inner product of two unit vectors of this size."""
    return (size + 16) * 2.0**-23
