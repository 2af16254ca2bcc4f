"""The search index: derived from the store, searched without waiting.

It follows the store's feed of changes. Every change makes a new immutable state that replaces the
old one by a single assignment, so a search sees a change wholly or not at all and never waits for
one. A state is a list of parts in the order of storing: sealed segments, then tails that are full,
then the tail that grows. Each part has its own mask of live rows, so deletions take effect at once
and sealing and merging concern only the parts they replace (`service.gallery.index.compaction`).
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryClosed
from service.gallery.columns.columns import RecordRows, Rows
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.files.segment_writer import SegmentWriter
from service.gallery.filters.filter import Filter
from service.gallery.index.compaction import (
    Limits,
    Task,
    carried_out,
    choose,
    waiting_tails,
    written_anew,
)
from service.gallery.index.parts import IndexFacts, Part, without
from service.gallery.index.planning import eligible_rows
from service.gallery.index.sealed_segment import CODED_ROWS, SealedSegment
from service.gallery.index.searching import Hit, Searcher
from service.gallery.index.tail import Tail
from service.gallery.query import Position, Query
from service.gallery.store.bulk_reading import RecordBatch
from service.gallery.store.feed import Change
from vreid.calibration import Calibration
from vreid.policy import ResolvedPolicy

# At most this many eligible rows are scored exactly without asking segments or codes.
EXACT_ROWS = 256
# The tail's newest rows become a segment of float32 vectors at this length.
TAIL_ROWS = 64
# A tail is closed, to be sealed, at this length. Exact, 2048 complete records of 2048 values take
# 75 MB and 7 ms (center) to 14 ms (shared) a search; 4096 take twice that.
SEAL_ROWS = 2048
# More full tails than these are waited for by whoever adds.
WAITING_TAILS = 4
# So many sealed segments of similar size become one, of at most so many rows.
MERGE_FACTOR = 8
LARGEST_ROWS = 1 << 18

# Seconds between looks of whoever adds at whether another thread has sealed what waits.
_LOOK_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class IndexState:
    """Everything a search reads; never changed after it was made. The last part is the tail."""

    sequence: int
    parts: tuple[Part, ...]


class SearchIndex:
    """Searches are safe from any thread at any time, and so are `apply` and `step`."""

    def __init__(
        self,
        feature_size: int,
        *,
        folder: SegmentFolder | None = None,
        exact_rows: int = EXACT_ROWS,
        tail_rows: int = TAIL_ROWS,
        seal_rows: int = SEAL_ROWS,
        merge_factor: int = MERGE_FACTOR,
        largest_rows: int = LARGEST_ROWS,
        coded_rows: int = CODED_ROWS,
    ) -> None:
        """An empty index; without a `folder`, sealed features lie in files without a name."""
        self._feature_size = feature_size
        self._folder = folder
        self._tail_rows = tail_rows
        self.limits = Limits(seal_rows, merge_factor, largest_rows, coded_rows)
        self._changing = threading.Lock()
        self._upkeep = threading.Lock()
        self._closing = threading.Event()
        self._unpublished = False
        self._tail = Tail(feature_size, tail_rows)
        self._state = IndexState(0, (self._empty_tail(),))
        self._exact_rows = exact_rows
        self._searcher = Searcher(feature_size, exact_rows)
        self._background = Searcher(feature_size, exact_rows, shares_work=False)

    @property
    def sequence(self) -> int:
        """The number of the newest change that searches see."""
        return self._state.sequence

    @property
    def is_exact(self) -> bool:
        """Whether so little is there, or sealed, that no search misses anything."""
        parts = self._state.parts
        live = sum(part.size - part.dead for part in parts)
        sealed = any(part.dead < part.size for part in parts if not part.is_tail)
        return not sealed or live <= self._exact_rows

    @property
    def is_crowded(self) -> bool:
        """Whether so many rows wait to be sealed that whoever adds should wait, too."""
        waiting = sum(part.size for part in self._state.parts[:-1] if part.is_tail)
        return waiting >= WAITING_TAILS * self.limits.seal_rows

    def apply(self, changes: Sequence[Change]) -> None:
        """Follow changes, which must begin after `sequence` and be in the feed's order.

        When this raises, the index is as it was before.
        """
        if not changes:
            return
        with self._changing:
            tail, view = self._tail, self._tail.view
            try:
                self._state = self._after(changes)
            except BaseException:
                self._tail = tail
                tail.restore(view)
                raise

    def adopt(self, segment: SealedSegment, live: NDArray[np.bool_]) -> None:
        """Take a sealed segment with its live rows (n,), newer than all that is held."""
        with self._changing:
            *parts, tail = self._state.parts
            self._state = replace(self._state, parts=(*parts, Part.of(segment, live), tail))
            self._unpublished = True

    def append(self, rows: Rows, features: NDArray[np.float16]) -> None:
        """Take rows with features (n, 3, D), newer than all that is held."""
        with self._changing:
            self._state = self._with_rows(self._state, rows, features)

    def stand_at(self, sequence: int) -> None:
        """Say which change what the index holds is as new as."""
        with self._changing:
            self._state = replace(self._state, sequence=sequence)

    def search(
        self,
        query: Query,
        count: int,
        policy: ResolvedPolicy,
        calibration: Calibration | None,
        filter: Filter | None = None,
        *,
        after: Position | None = None,
        as_of: int | None = None,
        in_background: bool = False,
    ) -> list[Hit]:
        """The `count` best live records behind a position that pass the filter.

        Scores are those of `vreid.scoring`. While nothing is sealed so is the ranking, to the last
        rank; a record in a sealed segment can be missed if its code misleads. One in the background
        takes no thread from others.
        """
        searcher = self._background if in_background else self._searcher
        return searcher.search(
            self._state.parts, query, count, policy, calibration, filter, after=after, as_of=as_of
        )

    def count(self, filter: Filter | None = None) -> int:
        """How many live records pass the filter."""
        return sum(eligible_rows(part, filter, None).count for part in self._state.parts)

    def sequences_after(self, sequence: int, limit: int, filter: Filter | None = None) -> list[int]:
        """Sequence numbers of the next live records that pass the filter, ascending."""
        found = np.empty(0, np.int64)
        for part in self._state.parts:
            numbers = part.columns.sequence
            if part.size == 0 or numbers[-1] <= sequence:
                continue
            if len(found) >= limit and numbers[0] > found[limit - 1]:
                break
            allowed = eligible_rows(part, filter, None).allowed
            start = int(np.searchsorted(numbers, sequence, side="right"))
            own = numbers[start:] if allowed is None else numbers[start:][allowed[start:]]
            found = np.sort(np.concatenate([found, own[:limit]]))
        return [int(number) for number in found[:limit]]

    def live_sequences(self) -> list[NDArray[np.int64]]:
        """Sequence numbers of all live records, a part at a time."""
        return [part.columns.sequence[part.live] for part in self._state.parts]

    def facts(self) -> IndexFacts:
        """How large the index is."""
        return IndexFacts.of(self._state.parts)

    def step(self) -> bool:
        """Do one piece of sealing or merging, if there is one to do; searches go on meanwhile.

        Raises `GalleryUnwritable` when there is no room for files; then everything stays as it was
        and the next call tries again. `GalleryClosed` when the index was closed meanwhile.
        """
        self.publish()
        with self._upkeep:
            self.check()
            state = self._state
            task = choose(state.parts, self.limits)
            if task is None:
                return False
            check = self.check if task.parts[0].is_tail else self._check_long_work
            self._carry_out(task, state.sequence, check)
            self._publish()
        return True

    def relieve(self) -> None:
        """Seal what waits, or wait for the thread that does, until little does. Raises as `step`.

        This never waits for a merge: whoever merges seals what waits in between.
        """
        while self.is_crowded:
            if not self._upkeep.acquire(timeout=_LOOK_AGAIN):
                continue
            try:
                self.check()
                self._seal_waiting()
                self._publish()
            finally:
                self._upkeep.release()

    def sealed_parts(self) -> list[Part]:
        """The sealed segments with their live rows."""
        return [part for part in self._state.parts if not part.is_tail]

    def write_anew(
        self,
        segment: SealedSegment,
        stored: Callable[[int, int], Iterable[RecordBatch]],
    ) -> None:
        """Make a sealed segment again, with other features than those of its file.

        `stored` gives the records from one sequence number to another, ascending, with features;
        those that it does not give are found no more. Does nothing when the segment has been
        replaced. Raises as `step` does.
        """
        with self._upkeep:
            self.check()
            state = self._state
            part = next((each for each in state.parts if each.rows is segment), None)
            if part is None:
                return
            sealed, kept = written_anew(
                part,
                stored(segment.stored.first, segment.stored.last),
                self.begin_file,
                state.sequence,
                self.limits,
                self._check_long_work,
            )
            self._replace(Task((part,)), sealed, kept)
            self._publish()

    def publish(self) -> None:
        """Make the sealed segments what the next start reads. Raises `GalleryUnwritable`."""
        with self._upkeep:
            self._publish()

    def begin_file(self) -> SegmentWriter:
        """A new file for the features of a segment. Raises `GalleryUnwritable`."""
        if self._folder is not None:
            return self._folder.begin()
        return SegmentWriter(Path(tempfile.gettempdir()), "", self._feature_size, private=True)

    def check(self) -> None:
        """Raise `GalleryClosed` after `close`."""
        if self._closing.is_set():
            raise GalleryClosed("The gallery has been closed; open it again.")

    def close(self) -> None:
        """End what `step` is doing, soon; a second call does nothing."""
        self._closing.set()
        with self._upkeep:
            self._searcher.close()
            self._background.close()
            if self._folder is not None:
                self._folder.close()

    def _carry_out(self, task: Task, as_of: int, check: Callable[[], None]) -> None:
        """Do a task that was chosen from the state at change `as_of`."""
        # The other processors are for searches.
        faiss.omp_set_num_threads(1)
        sealed = carried_out(task, self.begin_file, as_of, self.limits, check)
        self._replace(task, sealed, task.kept_rows())

    def _check_long_work(self) -> None:
        """Seal in between when memory fills: merging may take minutes."""
        self.check()
        if self.is_crowded:
            self._seal_waiting()
            if self._folder is not None:
                # It is published when the long work is done, and may hold what was just deleted.
                self._folder.erase_deleted()

    def _seal_waiting(self) -> None:
        state = self._state
        task = waiting_tails(state.parts, self.limits)
        if task is not None:
            self._carry_out(task, state.sequence, self.check)

    def _publish(self) -> None:
        if not self._unpublished or self._folder is None:
            return
        state = self._state
        self._folder.publish(
            [part.rows.stored for part in state.parts if isinstance(part.rows, SealedSegment)],
            state.sequence,
        )
        self._unpublished = False

    def _after(self, changes: Sequence[Change]) -> IndexState:
        state = self._state
        added = [change.record for change in changes if change.record is not None]
        deleted = [change.record_sequence for change in changes if change.kind == "delete"]
        if added:
            rows = RecordRows.of(added)
            state = self._with_rows(state, rows, rows.features)
        return IndexState(changes[-1].sequence, without(state.parts, deleted))

    def _with_rows(
        self, state: IndexState, rows: Rows, features: NDArray[np.float16]
    ) -> IndexState:
        """The state with rows in its tail, which is closed when it is full."""
        *parts, tail = state.parts
        view = self._tail.append(rows, features)
        live = np.concatenate([tail.live, np.ones(view.columns.size - tail.size, np.bool_)])
        parts.append(replace(tail, rows=view, live=live))
        if view.columns.size >= self.limits.seal_rows:
            self._tail = Tail(self._feature_size, self._tail_rows)
            parts.append(self._empty_tail())
        return IndexState(state.sequence, tuple(parts))

    def _empty_tail(self) -> Part:
        return Part(self._tail.view, np.empty(0, np.bool_), 0)

    def _replace(self, task: Task, sealed: SealedSegment | None, kept: NDArray[np.int64]) -> None:
        """Put a segment of the rows `kept` of a task in the place of what it was made of."""
        with self._changing:
            parts = list(self._state.parts)
            first = next(n for n, part in enumerate(parts) if part.rows is task.parts[0].rows)
            old = parts[first : first + len(task.parts)]
            new = []
            if sealed is not None:
                # What was deleted while the segment was made is deleted in it too.
                live = np.concatenate([part.live for part in old])[kept]
                new.append(Part.of(sealed, live))
            parts[first : first + len(old)] = new
            self._state = replace(self._state, parts=tuple(parts))
            self._unpublished = True
