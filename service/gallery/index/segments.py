"""Immutable pieces of the approximate index: float32 vectors, searched with FAISS.

A segment covers consecutive rows and is never changed after it is built, so it can be searched
from several threads while new segments are made. Segments of similar size are merged, which keeps
their number logarithmic in the number of rows.

Each holds the centers of all its rows and, for every set of two or three modalities, the
concatenations of the rows that have just these. (The concatenation of one modality is its center.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from service.gallery.store.rows import bits_mask, masks_of
from vreid.fusion import l2_normalise, masked_center

COMPLETE = 0b111

# FAISS wraps these constructors in Python; its stubs describe the C++ ones.
_IDSelectorBitmap: Any = faiss.IDSelectorBitmap
_SearchParameters: Any = faiss.SearchParameters

# Fusion works in float64: a block bounds what it holds at once.
_BLOCK_VALUES = 1 << 21


class Space(NamedTuple):
    """What is compared: the modalities `common` of rows that have just the modalities `present`.

    Both are mask bits; zeros mean centers.
    """

    present: int
    common: int


CENTERS = Space(0, 0)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors (n, d) of the rows (n,).

    `lengths` (n, P) are those of each modality's part; None for centers.
    """

    rows: NDArray[np.int64]
    index: faiss.IndexFlatIP
    lengths: NDArray[np.float32] | None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.rows.nbytes + 4 * self.index.ntotal * self.index.d

    def array(self) -> NDArray[np.float32]:
        """The vectors, without copying them."""
        count, size = self.index.ntotal, self.index.d
        if count == 0:
            return np.empty((0, size), np.float32)
        flat: NDArray[np.float32] = faiss.rev_swig_ptr(self.index.get_xb(), count * size)
        return flat.reshape(count, size)


Found = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows `start` to `stop`; `vectors` by the modalities present, 0 for centers."""

    start: int
    stop: int
    vectors: dict[int, Vectors]

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.stop - self.start

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(vectors.nbytes for vectors in self.vectors.values())

    def nearest(
        self, space: Space, query: NDArray[np.float32], count: int, eligible: NDArray[np.bool_]
    ) -> Found:
        """Cosines and numbers of up to `count` eligible rows of a space, best first.

        `query` is a unit vector: the center (D,), or the concatenation of the common modalities
        (P D,). `eligible` (N,) speaks of all rows of the tail.
        """
        vectors = self.vectors.get(space.present)
        if vectors is None:
            return _nothing()
        allowed = eligible[vectors.rows]
        count = min(count, int(allowed.sum()))
        if count == 0:
            return _nothing()
        if space.common == space.present:
            return _nearest_whole(vectors, query, count, allowed)
        return _nearest_in_part(vectors, space, query, count, allowed)


def build_segment(start: int, features: NDArray[np.float16], mask: NDArray[np.uint8]) -> Segment:
    """The segment of rows from `start` on, with features (n, 3, D) and mask bits (n,)."""
    count, modalities, size = features.shape
    step = max(1, _BLOCK_VALUES // (modalities * size))
    centers = faiss.IndexFlatIP(size)
    for first in range(0, count, step):
        block = slice(first, first + step)
        centers.add(masked_center(features[block], masks_of(mask[block])))
    vectors = {CENTERS.present: Vectors(np.arange(start, start + count), centers, None)}
    for present in map(int, np.unique(mask)):
        if present.bit_count() > 1:
            rows = np.flatnonzero(mask == present)
            blocks = [rows[first : first + step] for first in range(0, len(rows), step)]
            vectors[present] = _concatenations(start, features, blocks, present)
    return Segment(start, start + count, vectors)


def with_segment(segments: Sequence[Segment], new: Segment) -> tuple[Segment, ...]:
    """The segments and a new last one, merged so that each is over twice as large as the next."""
    result = [*segments, new]
    while len(result) > 1 and result[-2].size <= 2 * result[-1].size:
        last = result.pop()
        result[-1] = _merged(result[-1], last)
    return tuple(result)


def _nearest_whole(
    vectors: Vectors, query: NDArray[np.float32], count: int, allowed: NDArray[np.bool_]
) -> Found:
    selector = _IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    scores, found = vectors.index.search(query[None], count, params=_SearchParameters(sel=selector))
    return scores[0], vectors.rows[found[0]]


def _nearest_in_part(
    vectors: Vectors,
    space: Space,
    query: NDArray[np.float32],
    count: int,
    allowed: NDArray[np.bool_],
) -> Found:
    """FAISS cannot leave out a part of its vectors, so this is a matrix product."""
    assert vectors.lengths is not None
    present = np.flatnonzero(bits_mask(space.present))
    shared = [part for part, index in enumerate(present) if space.common >> int(index) & 1]
    parts = vectors.array().reshape(len(vectors.rows), len(present), -1)
    queries = query.reshape(len(shared), -1)
    products = np.zeros(len(vectors.rows), np.float32)
    for part, own in zip(shared, queries, strict=True):
        products += parts[:, part] @ own
    cosines = products / np.sqrt(np.square(vectors.lengths[:, shared]).sum(axis=1))
    cosines[~allowed] = -np.inf
    best = np.argpartition(-cosines, count - 1)[:count]
    best = best[np.argsort(-cosines[best], kind="stable")]
    return cosines[best], vectors.rows[best]


def _concatenations(
    start: int, features: NDArray[np.float16], blocks: Sequence[NDArray[np.int64]], present: int
) -> Vectors:
    there = bits_mask(present)
    index = faiss.IndexFlatIP(int(there.sum()) * features.shape[2])
    lengths = []
    for rows in blocks:
        stacked = features[rows][:, there].astype(np.float64)
        units = l2_normalise(stacked.reshape(len(rows), -1))
        index.add(units.astype(np.float32))
        lengths.append(np.linalg.norm(units.reshape(stacked.shape), axis=2).astype(np.float32))
    return Vectors(start + np.concatenate(blocks), index, np.concatenate(lengths))


def _merged(first: Segment, second: Segment) -> Segment:
    vectors = dict(first.vectors)
    for present, added in second.vectors.items():
        known = vectors.get(present)
        vectors[present] = added if known is None else _joined(known, added)
    return Segment(first.start, second.stop, vectors)


def _joined(first: Vectors, second: Vectors) -> Vectors:
    index = faiss.IndexFlatIP(first.index.d)
    index.add(first.array())
    index.add(second.array())
    return Vectors(
        rows=np.concatenate([first.rows, second.rows]),
        index=index,
        lengths=(
            None
            if first.lengths is None or second.lengths is None
            else np.concatenate([first.lengths, second.lengths])
        ),
    )


def _nothing() -> Found:
    return np.empty(0, np.float32), np.empty(0, np.int64)
