"""Sealing and merging: which parts of the index to make one sealed segment of, and making it.

Full tails are sealed, several at once when they have piled up. Sealed segments of similar size are
merged, so that their number grows with the logarithm of the gallery's size, until they are as large
as a segment may be. What is merged is at least twice as large as the largest it was made of: a row
is written only a few times. A segment of which half is deleted
is written anew without these rows. Nothing here changes what a search sees: the index puts the
result in the place of what it was made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.columns import FrozenColumns
from service.gallery.files.segment_writer import SegmentWriter
from service.gallery.index.parts import Part
from service.gallery.index.ranking import features_of
from service.gallery.index.sealed_segment import SealedSegment, finish_sealing
from service.gallery.index.tail import TailView
from service.gallery.store.bulk_reading import RecordBatch

_BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows of a tail that is sealed, segments that are merged, rows of the largest segment.

    A space with fewer than `coded_rows` rows has no codes.
    """

    seal_rows: int
    merge_factor: int
    largest_rows: int
    coded_rows: int


@dataclass(frozen=True, slots=True)
class Task:
    """Neighbouring parts of which one sealed segment is to be made, as they were when chosen."""

    parts: tuple[Part, ...]

    def kept_rows(self) -> NDArray[np.int64]:
        """The live rows, numbered through all parts."""
        return np.flatnonzero(np.concatenate([part.live for part in self.parts]))


def choose(parts: Sequence[Part], limits: Limits) -> Task | None:
    """What to do next; None when there is nothing to do. The last part is the tail that grows."""
    return waiting_tails(parts, limits) or _wasteful(parts[:-1]) or _similar(parts[:-1], limits)


def waiting_tails(parts: Sequence[Part], limits: Limits) -> Task | None:
    """The first full tails, as many as make one segment. The last part is the tail that grows."""
    chosen, rows = list[Part](), 0
    for part in parts[:-1]:
        if isinstance(part.rows, TailView):
            if chosen and rows + part.size > limits.largest_rows:
                break
            chosen.append(part)
            rows += part.size
    return Task(tuple(chosen)) if chosen else None


def carried_out(
    task: Task,
    begin: Callable[[], SegmentWriter],
    as_of: int,
    limits: Limits,
    check: Callable[[], None],
) -> SealedSegment | None:
    """The sealed segment of the live rows of a task; None when there are none.

    `check` is called often and may raise to end the work early.
    """
    kept = task.kept_rows()
    if len(kept) == 0:
        return None
    columns = _merged_columns(task)
    with begin() as writer:
        first = 0
        for block in _feature_blocks(task, kept):
            check()
            writer.add(block, columns.mask[first : first + len(block)])
            first += len(block)
        return finish_sealing(writer, columns, as_of, limits.coded_rows, check)


def written_anew(
    part: Part,
    records: Iterable[RecordBatch],
    begin: Callable[[], SegmentWriter],
    as_of: int,
    limits: Limits,
    check: Callable[[], None],
) -> tuple[SealedSegment | None, NDArray[np.int64]]:
    """A sealed part with the features of these records, ascending, and which rows (m,) it keeps.

    Live rows are left out that do not come, or come as other records than they were made of; when
    none is kept, there is no segment. `check` is called often and may raise to end the work early.
    """
    assert isinstance(part.rows, SealedSegment)
    columns, found = part.rows.columns, [np.empty(0, np.int64)]
    with begin() as writer:
        for batch in records:
            check()
            assert batch.features is not None
            rows = np.searchsorted(columns.sequence, batch.sequence)
            same = (
                part.live[rows]
                & (batch.sequence == columns.sequence[rows])
                & (batch.checksum == columns.checksum[rows])
                & (batch.mask == columns.mask[rows])
            )
            writer.add(batch.features[same], batch.mask[same])
            found.append(rows[same])
        kept = np.concatenate(found)
        if len(kept) == 0:
            return None, kept
        chosen = np.zeros(part.size, np.bool_)
        chosen[kept] = True
        merged = FrozenColumns.merged([(columns, chosen)])
        return finish_sealing(writer, merged, as_of, limits.coded_rows, check), kept


def _wasteful(parts: Sequence[Part]) -> Task | None:
    """A segment of which half is deleted."""
    for part in parts:
        if part.dead and 2 * part.dead >= part.size:
            return Task((part,))
    return None


def _similar(parts: Sequence[Part], limits: Limits) -> Task | None:
    """Neighbours of similar size, the smallest first."""
    tiers = [_tier(part, limits) for part in parts]
    for tier in sorted(set(tiers)):
        for start, stop in _runs([each <= tier for each in tiers]):
            chosen = _fitting(parts[start:stop], limits)
            if stop - start >= limits.merge_factor and len(chosen) > 1:
                return Task(chosen)
    return None


def _tier(part: Part, limits: Limits) -> int:
    """How often a full tail would have to be multiplied by the merge factor to be as large."""
    tier, size = 0, limits.seal_rows * limits.merge_factor
    while part.size - part.dead >= size:
        tier, size = tier + 1, size * limits.merge_factor
    return tier


def _runs(chosen: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where the uninterrupted runs of chosen elements begin and end."""
    edges = np.flatnonzero(np.diff(np.array([False, *chosen, False], dtype=np.int8)))
    return zip(map(int, edges[::2]), map(int, edges[1::2]), strict=True)


def _fitting(parts: Sequence[Part], limits: Limits) -> tuple[Part, ...]:
    """The first neighbours that together are no larger than a segment may be.

    None of them is more than half of all: a large segment would be written again for every few
    rows behind it.
    """
    sizes = np.array([part.size - part.dead for part in parts])
    for start in range(len(parts)):
        rows = np.cumsum(sizes[start:])
        worthwhile = rows >= 2 * np.maximum.accumulate(sizes[start:])
        fitting = np.flatnonzero(worthwhile & (rows <= limits.largest_rows))
        if len(fitting):
            return tuple(parts[start : start + int(fitting[-1]) + 1])
    return ()


def _merged_columns(task: Task) -> FrozenColumns:
    return FrozenColumns.merged(
        [
            (
                part.rows.columns.frozen()
                if isinstance(part.rows, TailView)
                else part.rows.columns,
                part.live,
            )
            for part in task.parts
        ]
    )


def _owners(
    parts: Sequence[Part], kept: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The part (m,) that each row is of, and its number (m,) in it."""
    starts = np.cumsum([0, *(part.size for part in parts)])
    owners = np.searchsorted(starts, kept, side="right") - 1
    return owners, kept - starts[owners]


def _feature_blocks(task: Task, kept: NDArray[np.int64]) -> Iterator[NDArray[np.float16]]:
    """Features (b, 3, D) of rows that are numbered through all parts."""
    for first in range(0, len(kept), _BLOCK_ROWS):
        owners, rows = _owners(task.parts, kept[first : first + _BLOCK_ROWS])
        yield features_of(task.parts, owners, rows)[0]
