"""Leaves out candidates that cannot be among the best, before they are scored exactly.

Exact scores come with checks and in float64: 200 candidates of 2048 values take 4 ms. Their plain
cosines take a quarter of a millisecond, most of it reading them, and err by less than a bound that
is known. Within a group of rows, what is ranked by rises strictly with the cosine (calibrated
probabilities do, see `vreid.calibration.TILT`), so what is clearly behind the last result need not
be scored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.gallery.index.half_precision import float32_of, products_and_squares


def plain_cosines(
    features: NDArray[np.float16], vector: NDArray[np.float32], *, centers: bool
) -> NDArray[np.float64]:
    """Cosines (n,) of rows with a unit vector, as good as float32 has it.

    Of the `features` (n, u, D) the centers are compared, else the concatenations.
    """
    if centers and features.shape[1] > 1:
        # float64: vectors that nearly cancel out leave a short sum.
        compared = float32_of(features).astype(np.float64).sum(axis=1)
        products = compared @ vector.astype(np.float64)
        squares = np.vecdot(compared, compared)
    else:
        found = products_and_squares(features.reshape(len(features), len(vector)), vector)
        products, squares = (each.astype(np.float64) for each in found)
    cosines = np.zeros(len(features))
    np.divide(products, np.sqrt(squares), out=cosines, where=squares > 0)
    return cosines


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
