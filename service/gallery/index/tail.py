"""The newest records: exact, in memory, searched while they grow.

Features lie in one growing array, and all but the last few rows are also in float32 segments that
FAISS scans. A tail that has become long enough is closed, and later sealed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.columns import Columns, ColumnView, Rows
from service.gallery.columns.growing_array import GrowingArray
from service.gallery.index.segments import Segment, build_segment, with_segment
from vreid.modality import MODALITIES


@dataclass(frozen=True, slots=True)
class TailView:
    """The rows of a tail when the view was taken; never changed.

    `vectors` is (n, 3, D) float16. `segments` cover the rows from 0 on, though not all.
    """

    columns: ColumnView
    vectors: NDArray[np.float16]
    segments: tuple[Segment, ...]

    @property
    def covered(self) -> int:
        """How many rows the segments cover."""
        return self.segments[-1].stop if self.segments else 0

    def features(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """Features (m, 3, D) of rows (m,)."""
        return self.vectors[rows]

    @property
    def nbytes(self) -> int:
        """Bytes in memory, without labels and attributes."""
        return self.vectors.nbytes + sum(segment.nbytes for segment in self.segments)


class Tail:
    """The tail that grows; one thread at a time may append."""

    def __init__(self, feature_size: int, segment_rows: int) -> None:
        """A tail whose rows come into segments when there are `segment_rows` of them."""
        self._segment_rows = segment_rows
        self._columns = Columns()
        self._vectors = GrowingArray(np.float16, (len(MODALITIES), feature_size))
        self._view = TailView(self._columns.view(), self._vectors.view(), ())

    @property
    def view(self) -> TailView:
        """The rows so far."""
        return self._view

    def append(self, rows: Rows, features: NDArray[np.float16]) -> TailView:
        """Append rows with features (n, 3, D), their sequence numbers above all that are there.

        When this raises, the tail is as it was before.
        """
        before = self._view
        try:
            self._vectors.extend(features)
            self._columns.append(rows)
            self._view = self._with_segments(
                TailView(self._columns.view(), self._vectors.view(), before.segments)
            )
        except BaseException:
            self.restore(before)
            raise
        return self._view

    def restore(self, view: TailView) -> None:
        """Drop what was appended after a view was taken; no later view may be in use."""
        self._columns.truncate(view.columns.size)
        self._vectors.truncate(view.columns.size)
        self._view = view

    def _with_segments(self, view: TailView) -> TailView:
        start = view.covered
        if view.columns.size - start < self._segment_rows:
            return view
        new = build_segment(start, view.vectors[start:], view.columns.mask[start:])
        return replace(view, segments=with_segment(view.segments, new))
