"""Packages that the gallery's search is compared with; the extra `bench` installs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hnswlib
import numpy as np
import usearch.index
from numpy.typing import NDArray

from benchmarks.search_data import NEIGHBOURS
from benchmarks.search_methods import (
    GRAPH_BUILD_EFFORT,
    GRAPH_EFFORTS,
    GRAPH_LINKS,
    SimpleMethod,
)

# Both come without types that say what is used here.
_HnswlibIndex: Any = hnswlib.Index
_UsearchIndex: Any = usearch.index.Index


class Hnswlib(SimpleMethod):
    """The package hnswlib."""

    efforts: Sequence[int] = GRAPH_EFFORTS

    def __init__(self, count: int, parts: int, feature_size: int) -> None:
        self._index = _HnswlibIndex("ip", parts * feature_size)
        self._index.init_index(count, M=GRAPH_LINKS, ef_construction=GRAPH_BUILD_EFFORT)

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Take the next vectors."""
        self._index.add_items(vectors.astype(np.float32), num_threads=1)

    def set_effort(self, effort: int) -> None:
        """How many neighbours a search keeps in view."""
        self._index.set_ef(effort)

    def search(self, query: NDArray[np.float32]) -> NDArray[np.int64]:
        """The 20 nearest."""
        rows = self._index.knn_query(query, k=NEIGHBOURS, num_threads=1)[0][0]
        return np.asarray(rows, dtype=np.int64)


class Usearch(SimpleMethod):
    """The package usearch."""

    efforts: Sequence[int] = GRAPH_EFFORTS

    def __init__(self, count: int, parts: int, feature_size: int) -> None:
        self._index = _UsearchIndex(
            ndim=parts * feature_size,
            metric="ip",
            dtype="f32",
            connectivity=GRAPH_LINKS,
            expansion_add=GRAPH_BUILD_EFFORT,
        )

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Take the next vectors."""
        first = len(self._index)
        keys = np.arange(first, first + len(vectors))
        self._index.add(keys, vectors.astype(np.float32), threads=1)

    def set_effort(self, effort: int) -> None:
        """How many neighbours a search keeps in view."""
        self._index.expansion_search = effort

    def search(self, query: NDArray[np.float32]) -> NDArray[np.int64]:
        """The 20 nearest."""
        return np.asarray(self._index.search(query, NEIGHBOURS, threads=1).keys, dtype=np.int64)
