"""Vectors as codes in memory, searched approximately with FAISS.

A code has one bit for each dimension (RaBitQ): 1/32 of a float32 vector. Many vectors have a
sketch beside it, see `sketches`. A search reads all sketches, then the codes of the
best few thousand; where a filter leaves few rows, the codes of these. What it finds are candidates:
their scores are estimates, so the caller scores the best of them exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from service.gallery.index.sketches import (
    CODE_BYTES,
    DIRECTIONS,
    SKETCHED_ROWS,
    Sketches,
    SketchMaker,
)

# FAISS wraps these constructors in Python; its stubs describe the C++ ones.
_IDSelectorBitmap: Any = faiss.IDSelectorBitmap
_RaBitQParameters: Any = faiss.RaBitQSearchParameters
_IndexRaBitQ: Any = faiss.IndexRaBitQ
_Index: TypeAlias = Any

# Bits for each dimension of a query. On 200 k x 2048 clustered vectors, share of the true 20 best
# within the 50 and the 100 best codes: 2 bits 0.946 and 0.987 in 4.2 ms, 4 bits 0.987 and 1.000 in
# 5.1 ms, 8 bits 0.987 and 1.000 in 7.8 ms.
QUERY_BITS = 4

# Candidates for each result, and at least: 200 hold the true 20 best of 200 k to the last one.
_CANDIDATES_PER_RESULT = 10
_FEWEST_CANDIDATES = 200

# Sketches taken for their codes to be looked at: one in this many rows, and no fewer than these.
_ROWS_PER_SHORTLISTED = 250
_SHORTEST_SHORTLIST = 1000
_SHORTLISTED_PER_CANDIDATE = 5

# Where a filter leaves less than this share of the rows, reading all their codes is as fast.
_SHARE_FOR_SKETCHES = 0.08
# Sketches asked for beyond what a filter should leave on average.
_FILTER_RESERVE = 1.15

# Sketches are learnt from a sample of at most so many numbers (20 k x 2048).
_SAMPLED_VALUES = 20_000 * 2048

# Sketches are kept if they lead to this share of what the codes alone find for vectors themselves.
_SKETCH_RECALL = 0.99
_CHECKED_VECTORS = 64
_CHECKED_RESULTS = 20

Blocks = Callable[[], Iterable[NDArray[np.float32]]]
Found: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]


def candidates_for(results: int, rows: int) -> int:
    """How many candidates to score exactly, so that the best `results` of `rows` are among them."""
    return min(rows, max(_FEWEST_CANDIDATES, _CANDIDATES_PER_RESULT * results))


class CodedVectors:
    """Codes of `count` unit vectors of `size` dimensions; never changed, safe from any thread."""

    def __init__(self, index: _Index, sketches: Sketches | None) -> None:
        self._index = index
        self._sketches = sketches

    @classmethod
    def build(
        cls, blocks: Blocks, count: int, size: int, *, sketched_rows: int = SKETCHED_ROWS
    ) -> CodedVectors:
        """The codes of unit vectors, with sketches from `sketched_rows` vectors on.

        `blocks()` gives them, (b, size) at a time, `count` together, and is called twice.

        Raises:
            ValueError: as many vectors as announced did not come.
        """
        center, sample = _center_and_sample(blocks, count, size)
        index = _empty(center)
        sketched = count >= sketched_rows and size >= DIRECTIONS
        maker = SketchMaker(sample, center) if sketched else None
        sketch_codes = []
        for block in blocks():
            index.add(np.ascontiguousarray(block))
            if maker is not None:
                sketch_codes.append(maker.encode(block))
        if index.ntotal != count:
            raise ValueError(f"{count} vectors were announced, {index.ntotal} came.")
        codes = cls(index, None)
        if maker is None:
            return codes
        sketches = Sketches(maker.directions, maker.codebook(), np.concatenate(sketch_codes))
        whole = cls(index, sketches)
        return whole if _agree(whole, codes, sample) else codes

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], count: int, size: int) -> CodedVectors:
        """What `arrays` returned, made searchable.

        Raises:
            ValueError: the arrays are not of `count` vectors of `size` dimensions.
        """
        index = _empty(arrays["center"])
        codes = arrays["codes"]
        width = index.sa_code_size()
        sketched = "directions" in arrays
        if codes.shape != (count, width + sketched * CODE_BYTES) or index.d != size:
            raise ValueError(f"Codes of shape {codes.shape} are not of {count} vectors of {size}.")
        faiss.copy_array_to_vector(np.ascontiguousarray(codes[:, :width]).ravel(), index.codes)
        index.ntotal = count
        return cls(index, Sketches.from_arrays(arrays, codes[:, width:]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """`codes` uint8 (n, c), a row each vector, and what they are relative to.

        A row of codes may be set to zero: what a search finds in its place means nothing, and
        everything else stays as it is.
        """
        codes = _codes(self._index)
        parameters: dict[str, NDArray[Any]] = {"center": faiss.vector_to_array(self._index.center)}
        if self._sketches is None:
            return {"codes": codes, **parameters}
        both = np.hstack([codes, self._sketches.codes()])
        return {"codes": both, **parameters, **self._sketches.arrays()}

    @property
    def count(self) -> int:
        """Number of vectors."""
        return int(self._index.ntotal)

    @property
    def size(self) -> int:
        """Dimensions of a vector."""
        return int(self._index.d)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        sketches = 0 if self._sketches is None else self._sketches.nbytes
        return int(self._index.codes.size()) + 4 * self.size + sketches

    def nearest(
        self, vector: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None = None
    ) -> Found:
        """Estimated cosines and rows of up to `count` allowed (n,) rows, best first.

        `vector` (size,) is a unit vector, or one that is zero in a part.
        """
        vector = np.ascontiguousarray(vector, dtype=np.float32)
        rows = self._shortlist(vector, count, allowed)
        if rows is None:
            return _search(self._index, vector, count, allowed)
        closer = _empty(faiss.vector_to_array(self._index.center))
        # Unless told to clip rows, NumPy checks each beforehand, which takes as long again.
        codes = _codes(self._index).take(rows, axis=0, mode="clip")
        faiss.copy_array_to_vector(codes.ravel(), closer.codes)
        closer.ntotal = len(rows)
        scores, positions = _search(closer, vector, count, None)
        return scores, rows[positions]

    def _shortlist(
        self, vector: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int64] | None:
        """Allowed rows of the best sketches, or None where all codes are to be read."""
        if self._sketches is None:
            return None
        wanted = max(
            self.count // _ROWS_PER_SHORTLISTED,
            _SHORTEST_SHORTLIST,
            _SHORTLISTED_PER_CANDIDATE * count,
        )
        if allowed is None:
            return self._sketches.nearest(vector, wanted)
        share = np.count_nonzero(allowed) / self.count
        if share < _SHARE_FOR_SKETCHES:
            return None
        asked = wanted if share == 1 else int(wanted / share * _FILTER_RESERVE) + 1
        if asked >= self.count:
            return None
        rows = self._sketches.nearest(vector, asked)
        rows = rows[allowed[rows]]
        # Fewer mean that the filter leaves other rows than those near the query.
        return rows if len(rows) >= wanted else None


class _CodesOf:
    """The codes inside an index, as an array that keeps the index alive."""

    def __init__(self, index: _Index) -> None:
        self._index = index
        self.__array_interface__ = {
            "shape": (index.ntotal, index.code_size),
            "typestr": "|u1",
            "data": (int(index.codes.data()), True),
            "version": 3,
        }


def _codes(index: _Index) -> NDArray[np.uint8]:
    if index.ntotal == 0:
        return np.empty((0, index.code_size), np.uint8)
    return np.asarray(_CodesOf(index))


def _search(
    index: _Index, vector: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None
) -> Found:
    count = min(count, index.ntotal)
    if count == 0:
        return np.empty(0, np.float32), np.empty(0, np.int64)
    parameters = _RaBitQParameters()
    parameters.qb = QUERY_BITS
    if allowed is not None:
        # FAISS does not keep the selector alive.
        selector = _IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        parameters.sel = selector
    scores, rows = index.search(vector[None], count, params=parameters)
    found = rows[0] >= 0
    return scores[0][found], rows[0][found]


def _empty(center: NDArray[np.floating]) -> _Index:
    """An index without vectors; codes say on which side of the center a vector is."""
    index = _IndexRaBitQ(len(center), faiss.METRIC_INNER_PRODUCT)
    faiss.copy_array_to_vector(np.ascontiguousarray(center, dtype=np.float32), index.center)
    index.is_trained = True
    return index


def _center_and_sample(
    blocks: Blocks, count: int, size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean (size,) of all vectors, and some of them, evenly spread (n, size)."""
    step = max(1, -(-count * size // _SAMPLED_VALUES))
    total = np.zeros(size)
    sample = []
    first = 0
    for block in blocks():
        total += block.sum(axis=0, dtype=np.float64)
        sample.append(block[-first % step :: step])
        first += len(block)
    chosen = np.concatenate(sample) if sample else np.empty((0, size), np.float32)
    return (total / max(1, count)).astype(np.float32), chosen


def _agree(sketched: CodedVectors, codes: CodedVectors, sample: NDArray[np.float32]) -> bool:
    """Whether sketches lead to what the codes alone find; not where vectors vary everywhere."""
    found = 0
    queries = sample[:: max(1, len(sample) // _CHECKED_VECTORS)][:_CHECKED_VECTORS]
    for query in queries:
        best = codes.nearest(query, _CHECKED_RESULTS)[1]
        found += len(np.intersect1d(best, sketched.nearest(query, _CHECKED_RESULTS)[1]))
    return found >= _SKETCH_RECALL * _CHECKED_RESULTS * len(queries)
