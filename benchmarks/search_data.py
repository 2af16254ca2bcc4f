"""What a search benchmark runs on: vectors in a file, queries, and what is truly nearest to them.

Several processes read the same data, one after the other, without holding it in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered_vectors import ClusteredVectors

NEIGHBOURS = 20

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class SearchData:
    """`count` samples of `parts` modalities, each a feature of `feature_size` values.

    What is compared is the concatenation of a sample's features, of length 1.
    """

    folder: Path
    count: int
    parts: int
    feature_size: int

    @property
    def size(self) -> int:
        """Dimensions of what is compared."""
        return self.parts * self.feature_size

    @property
    def queries(self) -> NDArray[np.float32]:
        """Unit vectors (q, size)."""
        queries: NDArray[np.float32] = np.load(self.folder / "queries.npy")
        return queries

    @property
    def neighbours(self) -> NDArray[np.int64]:
        """Rows (q, 20) that are truly nearest to each query, best first."""
        neighbours: NDArray[np.int64] = np.load(self.folder / "neighbours.npy")
        return neighbours

    def blocks(self) -> Iterator[NDArray[np.float16]]:
        """The unit vectors (b, size) as they are stored, in order."""
        stored = np.memmap(
            self.folder / "vectors.f16", np.float16, "r", shape=(self.count, self.size)
        )
        for first in range(0, self.count, _BLOCK):
            yield np.array(stored[first : first + _BLOCK])

    @classmethod
    def make(
        cls, folder: Path, count: int, parts: int, feature_size: int, queries: int, seed: int = 0
    ) -> SearchData:
        """Make the data in a folder; exact neighbours come from comparing everything."""
        folder.mkdir(parents=True, exist_ok=True)
        data = cls(folder, count, parts, feature_size)
        sources = [ClusteredVectors(count, feature_size, seed + part) for part in range(parts)]
        asked = _concatenated([source.queries(queries) for source in sources])
        best = _Best(len(asked), NEIGHBOURS)
        with (folder / "vectors.f16").open("wb") as file:
            for blocks in zip(*(source.blocks() for source in sources), strict=True):
                stored = _concatenated(list(blocks)).astype(np.float16)
                file.write(stored.tobytes())
                best.take(asked @ stored.astype(np.float32).T)
        np.save(folder / "queries.npy", asked)
        np.save(folder / "neighbours.npy", best.rows)
        described = {"count": count, "parts": parts, "feature_size": feature_size}
        (folder / "data.json").write_text(json.dumps(described), encoding="utf-8")
        return data

    @classmethod
    def open(cls, folder: Path) -> SearchData:
        """The data that `make` made."""
        return cls(folder, **json.loads((folder / "data.json").read_text(encoding="utf-8")))


class _Best:
    """The best of all cosines (q, b) taken so far; the first of equal ones."""

    def __init__(self, queries: int, count: int) -> None:
        self._cosines = np.full((queries, count), -np.inf, np.float32)
        self.rows = np.full((queries, count), -1, np.int64)
        self._taken = 0

    def take(self, cosines: NDArray[np.float32]) -> None:
        kept = self.rows.shape[1]
        numbers = np.arange(self._taken, self._taken + cosines.shape[1])
        rows = np.hstack([self.rows, np.broadcast_to(numbers, cosines.shape)])
        both = np.hstack([self._cosines, cosines])
        order = np.argsort(-both, axis=1, kind="stable")[:, :kept]
        self._cosines = np.take_along_axis(both, order, 1)
        self.rows = np.take_along_axis(rows, order, 1)
        self._taken += cosines.shape[1]


def _concatenated(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.hstack(parts) / np.float32(np.sqrt(len(parts)))
