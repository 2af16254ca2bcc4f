"""Arithmetic on float16 vectors without NumPy's conversion, which takes 1.7 ns a value.

FAISS multiplies float16 codes as it reads them: products of 200 vectors of 2048 values take 0.04
ms, their conversion to float64 0.34 ms. Its own decoder is no faster than NumPy.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

_IndexScalarQuantizer: Any = faiss.IndexScalarQuantizer
_Index: TypeAlias = Any

# FAISS copies the vectors: a piece of so many values stays in the processor's cache.
_PIECE_VALUES = 1 << 19

# A float16 in the upper bits of a float32, its exponent too small by the difference of the biases.
_SHIFT = 13
_WITHOUT_REPEATED_SIGN = np.int32(-0x70000001)
_EXPONENT = np.float32(2.0**112)


def products_and_squares(
    vectors: NDArray[np.float16], vector: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Inner products (n,) of finite vectors (n, d) with one (d,), and their squared lengths (n,).

    Both are summed in float32.
    """
    products = np.zeros(len(vectors), np.float32)
    squares = np.zeros(len(vectors), np.float32)
    size = len(vector)
    index = _IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2)
    index.is_trained = True
    step = max(1, _PIECE_VALUES // size)
    for first in range(0, len(vectors), step):
        piece = slice(first, first + step)
        codes = np.ascontiguousarray(vectors[piece]).view(np.uint8).reshape(-1)
        faiss.copy_array_to_vector(codes, index.codes)
        index.ntotal = len(codes) // (2 * size)
        index.metric_type = faiss.METRIC_INNER_PRODUCT
        _put(index, vector, products[piece])
        index.metric_type = faiss.METRIC_L2
        # The squared distance from zero.
        _put(index, np.zeros_like(vector), squares[piece])
    return products, squares


def float32_of(values: NDArray[np.float16]) -> NDArray[np.float32]:
    """Finite values in float32, the same to the last bit; a sixth of the time of `astype`."""
    bits = values.view(np.int16).astype(np.int32)
    np.left_shift(bits, _SHIFT, out=bits)
    np.bitwise_and(bits, _WITHOUT_REPEATED_SIGN, out=bits)
    converted: NDArray[np.float32] = bits.view(np.float32)
    converted *= _EXPONENT
    return converted


def _put(index: _Index, vector: NDArray[np.float32], into: NDArray[np.float32]) -> None:
    scores, rows = index.search(vector[None], index.ntotal)
    # What is not a number is not found.
    found = rows[0] >= 0
    into[rows[0][found]] = scores[0][found]
