"""The search index: derived from the store, held in memory, searched without waiting.

It follows the store's feed of changes. Every change makes a new immutable state that replaces the
old one by a single assignment, so a search sees a change wholly or not at all and never waits for
one. The newest rows form a tail that is always scored exactly; when it is long enough it becomes a
segment. Deleted rows are masked at once and leave memory when half of all rows are deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import faiss
import numpy as np
from numpy.typing import NDArray

from service.gallery.columns import Columns, ColumnView
from service.gallery.filter import Filter
from service.gallery.ranking import Query, candidates, rank
from service.gallery.rows import bits_mask
from service.gallery.segments import Segment, build_segment, with_segment
from service.gallery.store import Change
from vreid.calibration import Calibration
from vreid.engines.processors import usable_processors
from vreid.modality import Modality
from vreid.policy import ResolvedPolicy
from vreid.scoring import contributions

# At most this many eligible rows are scored exactly without asking the segments.
EXACT_ROWS = 128
# The tail becomes a segment at this length.
TAIL_ROWS = 64
# Deleted rows are dropped when there are at least this many, and as many as live ones.
COMPACTED_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: the record's sequence number, and how alike it is."""

    sequence: int
    score: float
    probability: float | None
    contributions: Mapping[Modality, float]


@dataclass(frozen=True, slots=True)
class IndexState:
    """Everything a search reads; never changed after it was made."""

    sequence: int
    columns: ColumnView
    live: NDArray[np.bool_]
    segments: tuple[Segment, ...]


class SearchIndex:
    """Searches are safe from any thread at any time; `apply` from one thread at a time."""

    def __init__(
        self,
        feature_size: int,
        *,
        exact_rows: int = EXACT_ROWS,
        tail_rows: int = TAIL_ROWS,
        compacted_rows: int = COMPACTED_ROWS,
    ) -> None:
        faiss.omp_set_num_threads(usable_processors())
        self._exact_rows = exact_rows
        self._tail_rows = tail_rows
        self._compacted_rows = compacted_rows
        self._columns = Columns(feature_size)
        self._state = IndexState(0, self._columns.view(), np.empty(0, np.bool_), ())

    @property
    def sequence(self) -> int:
        """The number of the newest change that searches see."""
        return self._state.sequence

    def apply(self, changes: Sequence[Change]) -> None:
        """Follow changes, which must begin after `sequence` and be in the feed's order.

        When this raises, the index is as it was before.
        """
        if not changes:
            return
        columns, size = self._columns, self._state.columns.size
        try:
            self._state = self._after(changes)
        except BaseException:
            self._columns = columns
            columns.truncate(size)
            raise

    def _after(self, changes: Sequence[Change]) -> IndexState:
        added = [change.record for change in changes if change.record is not None]
        self._columns.append(added)
        columns = self._columns.view()
        live = np.concatenate([self._state.live, np.ones(len(added), dtype=np.bool_)])
        deleted = [change.record_sequence for change in changes if change.kind == "delete"]
        live[_rows_of(columns, deleted)] = False
        state = IndexState(changes[-1].sequence, columns, live, self._state.segments)
        if self._should_compact(live):
            state = self._compacted(state)
        return self._sealed(state)

    def search(
        self,
        query: Query,
        count: int,
        policy: ResolvedPolicy,
        calibration: Calibration | None,
        filter: Filter | None = None,
    ) -> list[Hit]:
        """The `count` best live records that pass the filter, exactly as `vreid.scoring` ranks."""
        state = self._state
        eligible = _eligible(state, filter)
        if int(eligible.sum()) <= max(self._exact_rows, count):
            rows = np.flatnonzero(eligible)
        else:
            rows = candidates(query, state.columns, state.segments, eligible, count, policy)
        ranked = rank(query, state.columns, rows, count, policy, calibration)
        return [
            Hit(
                sequence=int(state.columns.sequence[row]),
                score=float(ranked.score[position]),
                probability=(
                    None if ranked.probability is None else float(ranked.probability[position])
                ),
                contributions=contributions(
                    query.features,
                    query.mask,
                    state.columns.features[row],
                    bits_mask(int(state.columns.mask[row])),
                    policy,
                ),
            )
            for position, row in enumerate(ranked.rows)
        ]

    def count(self, filter: Filter | None = None) -> int:
        """How many live records pass the filter."""
        return int(_eligible(self._state, filter).sum())

    def sequences_after(self, sequence: int, limit: int, filter: Filter | None = None) -> list[int]:
        """Sequence numbers of the next live records that pass the filter, ascending."""
        state = self._state
        eligible = _eligible(state, filter)
        eligible[: int(np.searchsorted(state.columns.sequence, sequence, side="right"))] = False
        rows = np.flatnonzero(eligible)[:limit]
        return [int(number) for number in state.columns.sequence[rows]]

    def _should_compact(self, live: NDArray[np.bool_]) -> bool:
        dead = len(live) - int(live.sum())
        return dead >= self._compacted_rows and 2 * dead >= len(live)

    def _compacted(self, state: IndexState) -> IndexState:
        self._columns = self._columns.compacted(state.live)
        columns = self._columns.view()
        return IndexState(state.sequence, columns, np.ones(columns.size, dtype=np.bool_), ())

    def _sealed(self, state: IndexState) -> IndexState:
        """The state with its tail made a segment, when it is long enough."""
        start = state.segments[-1].stop if state.segments else 0
        if state.columns.size - start < self._tail_rows:
            return state
        tail = build_segment(start, state.columns.features[start:], state.columns.mask[start:])
        return replace(state, segments=with_segment(state.segments, tail))


def _eligible(state: IndexState, filter: Filter | None) -> NDArray[np.bool_]:
    """Which rows (N,) are live and pass the filter; a fresh array."""
    return state.live.copy() if filter is None else state.live & filter.rows(state.columns)


def _rows_of(columns: ColumnView, sequences: Sequence[int]) -> NDArray[np.int64]:
    """Rows of those sequence numbers that are there."""
    wanted = np.array(sequences, dtype=np.int64)
    rows = np.searchsorted(columns.sequence, wanted)
    known = rows < columns.size
    known[known] = columns.sequence[rows[known]] == wanted[known]
    return rows[known]
