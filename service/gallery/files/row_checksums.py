"""A checksum of each row of a table of bytes, all rows at once.

Rows are erased one by one in files that are in use, so each has a checksum of its own. It is
multilinear: 32-bit words times fixed odd 64-bit numbers, summed up; the upper half of the sum is
kept. A changed row goes unnoticed with a probability of about 2**-32, and a row of zeros has the
checksum 0, so erasing is writing zeros over both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORD = 4
# Bounds the memory of the products.
_BLOCK_BYTES = 1 << 22


def row_checksums(rows: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Checksums (n,) of rows (n, bytes)."""
    count, size = rows.shape
    checksums = np.zeros(count, dtype=np.uint32)
    words = -(-size // _WORD)
    factors = _factors(words)
    step = max(1, _BLOCK_BYTES // (2 * _WORD * max(words, 1)))
    padded = np.zeros((min(step, count), words * _WORD), dtype=np.uint8)
    for first in range(0, count, step):
        block = rows[first : first + step]
        padded[: len(block), :size] = block
        values = padded[: len(block)].view("<u4").astype(np.uint64)
        sums = np.einsum("ij,j->i", values, factors)
        checksums[first : first + step] = sums >> np.uint64(32)
    return checksums


def _factors(count: int) -> NDArray[np.uint64]:
    """Odd numbers (count,) without a pattern: SplitMix64 of 1, 2, 3, ..."""
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (state ^ (state >> np.uint64(31))) | np.uint64(1)
