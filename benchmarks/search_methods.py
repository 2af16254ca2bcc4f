"""The searches that are compared, each behind the same few calls, each on one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.search_data import NEIGHBOURS
from service.gallery.columns.columns import NO_TIME
from service.gallery.index.filling import BulkSealing
from service.gallery.index.index import SearchIndex
from service.gallery.query import Query
from service.gallery.store.bulk_reading import RecordBatch
from vreid.policy import ResolvedPolicy

# The graphs are built alike; how far a search goes in them is chosen by the recall it must reach.
GRAPH_LINKS = 32
GRAPH_BUILD_EFFORT = 100
GRAPH_EFFORTS = (32, 64, 128, 256, 512, 1024)

METHODS = ("IndexFlatIP", "vreid", "faiss HNSW", "hnswlib", "usearch")

_IndexHNSWFlat: Any = faiss.IndexHNSWFlat


class Method(Protocol):
    """An index of unit vectors that is filled once and then searched from any thread."""

    efforts: Sequence[int]
    """How thorough a search can be told to be; one value where there is no choice."""

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Take the next vectors (b, size)."""
        ...

    def finish(self) -> None:
        """All have been added."""
        ...

    def set_effort(self, effort: int) -> None:
        """Search so thoroughly from now on."""
        ...

    def search(self, query: NDArray[np.float32]) -> NDArray[np.int64]:
        """Rows of the 20 nearest to a query (size,), best first."""
        ...

    @property
    def nbytes(self) -> int | None:
        """Bytes of the index by its own account, if it gives one."""
        ...


class SimpleMethod:
    """A method without choices and without an account of itself."""

    efforts: Sequence[int] = (0,)

    def finish(self) -> None:
        """Nothing is left to do."""

    def set_effort(self, effort: int) -> None:
        """There is no choice."""

    @property
    def nbytes(self) -> int | None:
        """Not told."""
        return None


class Flat(SimpleMethod):
    """FAISS IndexFlatIP: compares everything in float32."""

    def __init__(self, count: int, parts: int, feature_size: int) -> None:
        self._index = faiss.IndexFlatIP(parts * feature_size)

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Take the next vectors."""
        self._index.add(vectors.astype(np.float32))

    def search(self, query: NDArray[np.float32]) -> NDArray[np.int64]:
        """The 20 nearest."""
        rows: NDArray[np.int64] = self._index.search(query[None], NEIGHBOURS)[1][0]
        return rows

    @property
    def nbytes(self) -> int:
        """The vectors."""
        return 4 * int(self._index.ntotal) * int(self._index.d)


class TwoStage(SimpleMethod):
    """The gallery's own `SearchIndex`, with features in a mapped file."""

    def __init__(self, count: int, parts: int, feature_size: int) -> None:
        self._index = SearchIndex(feature_size)
        self._sealing = BulkSealing(self._index, 0)
        self._shape = 3, feature_size
        self._mask = np.arange(3) < parts
        self._policy: ResolvedPolicy = "concat" if parts == 3 else "center"
        self._added = 0

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Take the next vectors as records."""
        count = len(vectors)
        features = np.zeros((count, *self._shape), np.float16)
        features[:, self._mask] = vectors.reshape(count, -1, self._shape[1])
        first = self._added + 1
        none = [None] * count
        batch = RecordBatch(
            sequence=np.arange(first, first + count),
            checksum=np.zeros(count, np.uint32),
            mask=np.full(count, np.packbits(self._mask, bitorder="little")[0], np.uint8),
            captured_at=np.full(count, NO_TIME),
            identity=none,
            camera=none,
            scene=none,
            attributes=[{}] * count,
            features=features,
        )
        self._sealing.add(batch)
        self._added += count

    def finish(self) -> None:
        """Seal what is left."""
        for batch in self._sealing.rest():
            assert batch.features is not None
            self._index.append(batch, batch.features)
        while self._index.step():
            pass

    def search(self, query: NDArray[np.float32]) -> NDArray[np.int64]:
        """The 20 nearest."""
        features = np.zeros(self._shape, np.float32)
        features[self._mask] = query.reshape(-1, self._shape[1])
        hits = self._index.search(Query(features, self._mask), NEIGHBOURS, self._policy, None)
        return np.array([hit.sequence - 1 for hit in hits])

    @property
    def nbytes(self) -> int:
        """Codes and columns; features are in the file."""
        return self._index.facts().bytes_in_memory


class FaissGraph(SimpleMethod):
    """FAISS IndexHNSWFlat."""

    efforts: Sequence[int] = GRAPH_EFFORTS

    def __init__(self, count: int, parts: int, feature_size: int) -> None:
        self._index = _IndexHNSWFlat(parts * feature_size, GRAPH_LINKS, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = GRAPH_BUILD_EFFORT

    def add(self, vectors: NDArray[np.float16]) -> None:
        """Take the next vectors."""
        self._index.add(vectors.astype(np.float32))

    def set_effort(self, effort: int) -> None:
        """How many neighbours a search keeps in view."""
        self._index.hnsw.efSearch = effort

    def search(self, query: NDArray[np.float32]) -> NDArray[np.int64]:
        """The 20 nearest."""
        rows: NDArray[np.int64] = self._index.search(query[None], NEIGHBOURS)[1][0]
        return rows


def method_class(name: str) -> Callable[[int, int, int], Method]:
    """What makes a method by its name, from rows, parts and feature size."""
    if name in ("hnswlib", "usearch"):
        # Only the extra `bench` has them.
        from benchmarks.search_packages import Hnswlib, Usearch

        return Hnswlib if name == "hnswlib" else Usearch
    own: dict[str, Callable[[int, int, int], Method]] = {
        "IndexFlatIP": Flat,
        "vreid": TwoStage,
        "faiss HNSW": FaissGraph,
    }
    return own[name]
