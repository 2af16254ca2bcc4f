"""The parts that an index is made of, and which of their rows are deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.columns import RowColumns
from service.gallery.index.sealed_segment import SealedSegment
from service.gallery.index.tail import TailView


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the gallery and which of its rows (n,) are not deleted; never changed."""

    rows: TailView | SealedSegment
    live: NDArray[np.bool_]
    dead: int

    @classmethod
    def of(cls, rows: TailView | SealedSegment, live: NDArray[np.bool_]) -> Part:
        """The part with its deletions counted."""
        return cls(rows, live, len(live) - int(np.count_nonzero(live)))

    @property
    def columns(self) -> RowColumns:
        """The columns of its rows."""
        return self.rows.columns

    @property
    def size(self) -> int:
        """Number of rows, deleted ones too."""
        return len(self.live)

    @property
    def is_tail(self) -> bool:
        """Whether it is exact and in memory; else it is sealed."""
        return isinstance(self.rows, TailView)


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """Sizes of an index; `records` are live, the rows include deleted ones."""

    records: int
    sealed_segments: int
    sealed_rows: int
    tail_rows: int
    bytes_in_memory: int

    @classmethod
    def of(cls, parts: Sequence[Part]) -> IndexFacts:
        """The sizes of an index of these parts."""
        sealed = [part for part in parts if not part.is_tail]
        return cls(
            records=sum(part.size - part.dead for part in parts),
            sealed_segments=len(sealed),
            sealed_rows=sum(part.size for part in sealed),
            tail_rows=sum(part.size for part in parts if part.is_tail),
            bytes_in_memory=sum(part.rows.nbytes + part.live.nbytes for part in parts),
        )


def without(parts: Sequence[Part], deleted: Sequence[int]) -> tuple[Part, ...]:
    """The parts with these sequence numbers dead, as far as they are there."""
    if not deleted:
        return tuple(parts)
    wanted = np.sort(np.array(deleted, dtype=np.int64))
    return tuple(_without_rows(part, wanted) for part in parts)


def _without_rows(part: Part, wanted: NDArray[np.int64]) -> Part:
    sequence = part.columns.sequence
    if part.size == 0 or wanted[-1] < sequence[0] or wanted[0] > sequence[-1]:
        return part
    rows = np.searchsorted(sequence, wanted)
    known = rows < part.size
    known[known] = sequence[rows[known]] == wanted[known]
    if not known.any():
        return part
    live = part.live.copy()
    live[rows[known]] = False
    return Part.of(part.rows, live)
