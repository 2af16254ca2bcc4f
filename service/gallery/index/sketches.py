"""Sketches: 32 bytes a vector that find the few thousand vectors worth a closer look.

Features of vehicles vary mostly along a few hundred directions. A sketch keeps the position along
these as a 4-bit product quantisation, which FAISS scans in registers: a million in 2 ms, where one
bit for each of 2048 dimensions takes 22 ms, most of it the way from memory.

Measured on 1 M clustered vectors (benchmarks/clustered_vectors.py), share of the true 20 best
within the 1000 and the 4000 best sketches: 128 directions 0.993 and 1.000, 192 directions 0.996 and
1.000, 256 directions 0.991 and 1.000; with 16 bytes 0.910 and 0.982. Without turning the
directions, so that every part of the quantisation matters alike, 0.886 and 0.979. One RaBitQ bit
for each of 256 directions takes 7 ms and finds 0.980 and 1.000. On 200 k, IVF had to
read half of its 256 lists for 0.997: at that many directions everything is near a border.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

# Sketches are made of at least this many vectors; fewer are scanned whole as fast.
SKETCHED_ROWS = 50_000

DIRECTIONS = 192
_PARTS = 64
_BITS = 4
CODE_BYTES = _PARTS * _BITS // 8

# Vectors that FAISS interleaves. 64 are scanned in a tenth less time, but FAISS 1.15 cannot unpack
# them again.
_BLOCK = 32
_POWER_STEPS = 2

_IndexPQ: Any = faiss.IndexPQ
_IndexPQFastScan: Any = faiss.IndexPQFastScan
_Index: TypeAlias = Any


class SketchMaker:
    """Directions and quantisation learnt from a sample (n, size); encodes any vectors."""

    def __init__(self, sample: NDArray[np.float32], center: NDArray[np.float32]) -> None:
        self._center = center
        self.directions = _turned_directions(sample - center)
        self.quantiser = _IndexPQ(DIRECTIONS, _PARTS, _BITS, faiss.METRIC_INNER_PRODUCT)
        self.quantiser.pq.cp.seed = 1
        self.quantiser.train(self._along(sample))

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Sketches (n, 32) of vectors (n, size)."""
        codes: NDArray[np.uint8] = self.quantiser.sa_encode(self._along(vectors))
        return codes

    def codebook(self) -> NDArray[np.float32]:
        """The quantisation: (parts, 16, directions / parts)."""
        return _codebook(self.quantiser)

    def _along(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray((vectors - self._center) @ self.directions)


class Sketches:
    """Searchable sketches of vectors; never changed, safe from any thread."""

    def __init__(
        self,
        directions: NDArray[np.float32],
        codebook: NDArray[np.float32],
        codes: NDArray[np.uint8],
    ) -> None:
        self._directions = np.ascontiguousarray(directions, dtype=np.float32)
        index = _IndexPQ(DIRECTIONS, _PARTS, _BITS, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(
            np.ascontiguousarray(codebook, dtype=np.float32).ravel(), index.pq.centroids
        )
        index.is_trained = True
        faiss.copy_array_to_vector(np.ascontiguousarray(codes).ravel(), index.codes)
        index.ntotal = len(codes)
        self._codebook = _codebook(index)
        self._index: _Index = _IndexPQFastScan(index, _BLOCK)

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], codes: NDArray[np.uint8]
    ) -> Sketches | None:
        """What `arrays` returned and the codes (n, 32); None where there were no sketches."""
        if "directions" not in arrays:
            return None
        return cls(arrays["directions"], arrays["codebook"], codes)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What codes are made with: `directions` (size, 192) and `codebook`, float32."""
        return {"directions": self._directions, "codebook": self._codebook}

    def codes(self) -> NDArray[np.uint8]:
        """The sketches (n, 32), a copy in the order of the rows."""
        packer = self._index.get_CodePacker()
        packed = faiss.vector_to_array(self._index.codes).reshape(-1, packer.block_size)
        codes = np.empty((len(packed), packer.nvec, CODE_BYTES), np.uint8)
        for block, flat in zip(packed, codes, strict=True):
            packer.unpack_all(faiss.swig_ptr(block), faiss.swig_ptr(flat))
        return codes.reshape(-1, CODE_BYTES)[: self._index.ntotal]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(self._index.codes.size() + self._directions.nbytes + self._codebook.nbytes)

    def nearest(self, vector: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Rows of the `count` best sketches for a vector (size,), in no order that matters."""
        count = min(count, int(self._index.ntotal))
        query = np.ascontiguousarray(vector @ self._directions)[None]
        rows: NDArray[np.int64] = self._index.search(query, count)[1][0]
        return rows[rows >= 0]


def _turned_directions(centered: NDArray[np.float32]) -> NDArray[np.float32]:
    """Orthonormal columns (size, 192): where vectors (n, size) vary most, in random rotation."""
    generator = np.random.default_rng(1)
    size = centered.shape[1]
    found = np.linalg.qr(generator.standard_normal((size, DIRECTIONS), dtype=np.float32))[0]
    for _ in range(_POWER_STEPS):
        found = np.linalg.qr(centered.T @ (centered @ found))[0]
    turn = np.linalg.qr(generator.standard_normal((DIRECTIONS, DIRECTIONS)))[0]
    return np.ascontiguousarray(found @ turn.astype(np.float32))


def _codebook(index: _Index) -> NDArray[np.float32]:
    flat: NDArray[np.float32] = faiss.vector_to_array(index.pq.centroids)
    return flat.reshape(_PARTS, 1 << _BITS, DIRECTIONS // _PARTS)
