"""What a search index begins with: the segments that lie on the disk, compared with the store.

The store is right. A row that it does not have is dead, and is erased from the file; a record that
no segment has is read from it; a segment that is damaged, or holds anything else than the store,
is left out, and its records are read again. The feed of changes is not needed for that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.columns.columns import NO_TIME
from service.gallery.files.feature_file import FeatureFile
from service.gallery.files.segment_erasure import erase_rows
from service.gallery.files.segment_files import FoundSegment, SegmentFolder
from service.gallery.files.segment_format import rows_name
from service.gallery.files.segment_writer import StoredSegment
from service.gallery.record import DamagedRecord
from service.gallery.store.bulk_reading import (
    RecordBatch,
    read_columns,
    read_numbers,
    read_records,
)
from service.gallery.store.store import GalleryStore

# Records within a segment's range that it does not have are looked at, when they are so few.
_FEW = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSegment:
    """A sealed segment as it lies on the disk. `live` (n,) are the rows that the store has.

    `arrays` are those that were written; `checksum` is zero for rows that were erased.
    """

    stored: StoredSegment
    arrays: Mapping[str, NDArray[Any]]
    live: NDArray[np.bool_]
    _store: GalleryStore = field(repr=False)
    _damaged: list[DamagedRecord] = field(repr=False)

    @property
    def features(self) -> FeatureFile:
        """The mapped features; they have not been compared with their checksums."""
        return self.stored.features

    def columns(self) -> Iterator[RecordBatch]:
        """The columns of all n rows from the store, in batches; of dead rows nothing but a mask.

        A record that is damaged, or deleted since, comes as a dead row does.
        """
        held, mask = self.arrays["sequence"], self.arrays["mask"]
        row = 0
        for batch in read_columns(self._store, self.stored.first - 1, self.stored.last):
            self._damaged.extend(batch.damaged)
            if len(batch) == 0:
                continue
            end = int(np.searchsorted(held, batch.sequence[-1], side="right"))
            yield _spread(batch, held[row:end], mask[row:end])
            row = end
        if row < len(held):
            yield _spread(_NOTHING, held[row:], mask[row:])


@dataclass(slots=True)
class LoadedGallery:
    """What the store held at change `sequence`, in ascending parts; to be read once.

    `feed_floor` is the feed's floor of that moment. `damaged` fills while the parts are read.
    """

    sequence: int
    feed_floor: int
    segments: tuple[LoadedSegment, ...]
    problems: tuple[str, ...]
    damaged: list[DamagedRecord]
    _numbers: NDArray[np.int64]
    _store: GalleryStore

    def parts(self) -> Iterator[LoadedSegment | RecordBatch]:
        """Segments, and between them batches of the records that no segment has."""
        after = 0
        for segment in self.segments:
            yield from self._records(after, segment.stored.first - 1)
            yield segment
            after = segment.stored.last
        yield from self._records(after, self.sequence)

    def _records(self, after: int, last: int) -> Iterator[RecordBatch]:
        first, end = np.searchsorted(self._numbers, (after, last), side="right")
        if first == end:
            return
        for batch in read_records(self._store, after, last):
            self.damaged.extend(batch.damaged)
            yield batch


def load(store: GalleryStore, folder: SegmentFolder) -> LoadedGallery:
    """Read the index of a gallery, as far as it is what the store holds, and clean its folder.

    What is wrong with it is logged and kept in `problems`. Raises what reading the store raises.
    """
    folder.remove_unlisted()
    store.erase_segments()
    loaded = compare(store, folder)
    for problem in loaded.problems:
        logger.error("A part of the index is built again: %s", problem)
    for segment in loaded.segments:
        _erase_dead(segment, folder)
    return loaded


def compare(store: GalleryStore, folder: SegmentFolder) -> LoadedGallery:
    """Compare the index of a gallery with the store; changes nothing."""
    # The files first: what another process erases from them or leaves out is gone from the store
    # before, and what it publishes is there before.
    found = folder.load()
    floor, sequence = store.feed_floor(), store.last_sequence()
    numbers, checksums = read_numbers(store, sequence)
    segments, damaged = list[LoadedSegment](), list[DamagedRecord]()
    problems, candidates = list(found.problems), found.segments
    if found.sequence > sequence:
        candidates = ()
        problems.append(
            f"The index in {folder.path} is of a later state of the gallery than the database, "
            "which was replaced."
        )
    for each in candidates:
        try:
            segments.append(_reconciled(each, numbers, checksums, store, folder, damaged))
        except GalleryDamaged as error:
            problems.append(str(error))
    return LoadedGallery(sequence, floor, tuple(segments), tuple(problems), damaged, numbers, store)


def _reconciled(
    found: FoundSegment,
    numbers: NDArray[np.int64],
    checksums: NDArray[np.uint32],
    store: GalleryStore,
    folder: SegmentFolder,
    damaged: list[DamagedRecord],
) -> LoadedSegment:
    """The segment with its live rows. Raises `GalleryDamaged` when it is not what the store has."""
    stored, arrays = found.stored, found.contents.arrays
    held = arrays["sequence"]
    first, last = np.searchsorted(numbers, (stored.first - 1, stored.last), side="right")
    there, expected = numbers[first:last], checksums[first:last]
    live = np.isin(held, there, assume_unique=True)
    if not np.array_equal(arrays["checksum"][live], expected[np.isin(there, held)]):
        raise _unlike(found, folder, "has other features than the gallery")
    for name, bad in found.contents.damaged_codes.items():
        if (bad & live[arrays[rows_name(name)]]).any():
            raise _unlike(found, folder, "has codes that do not match their checksums")
    missing = np.setdiff1d(there, held, assume_unique=True)
    if len(missing):
        unreadable = store.by_sequence(missing.tolist()).damaged if len(missing) <= _FEW else ()
        if len(unreadable) < len(missing):
            raise _unlike(found, folder, "lacks records of the gallery")
        damaged.extend(unreadable)
    return LoadedSegment(stored, arrays, live, store, damaged)


def _erase_dead(segment: LoadedSegment, folder: SegmentFolder) -> None:
    """Erase what the feed does not tell of any more, or told when nobody could write."""
    left = ~segment.live & (segment.arrays["checksum"] != 0)
    if not left.any():
        return
    try:
        erase_rows(folder.path / str(segment.stored.name), segment.arrays["sequence"][left])
    except (GalleryDamaged, OSError) as error:
        logger.warning("Deleted records cannot be erased from the index: %s", error)


def _unlike(found: FoundSegment, folder: SegmentFolder, problem: str) -> GalleryDamaged:
    return GalleryDamaged(f"The index file {folder.path / str(found.stored.name)} {problem}.")


def _spread(
    batch: RecordBatch, sequence: NDArray[np.int64], mask: NDArray[np.uint8]
) -> RecordBatch:
    """The columns of these rows; blank where the batch does not have them."""
    if np.array_equal(batch.sequence, sequence):
        return batch
    rows = np.full(len(sequence), -1)
    at = np.searchsorted(sequence, batch.sequence)
    known = at < len(sequence)
    known[known] = sequence[at[known]] == batch.sequence[known]
    rows[at[known]] = np.flatnonzero(known)
    there = rows >= 0
    captured_at = np.full(len(sequence), NO_TIME, dtype=np.int64)
    captured_at[there] = batch.captured_at[rows[there]]
    checksum = np.zeros(len(sequence), dtype=np.uint32)
    checksum[there] = batch.checksum[rows[there]]
    places = rows.tolist()
    return RecordBatch(
        sequence,
        checksum,
        mask,
        captured_at,
        [None if each < 0 else batch.identity[each] for each in places],
        [None if each < 0 else batch.camera[each] for each in places],
        [None if each < 0 else batch.scene[each] for each in places],
        [{} if each < 0 else batch.attributes[each] for each in places],
        None,
        batch.damaged,
    )


_NOTHING = RecordBatch(
    np.empty(0, np.int64),
    np.empty(0, np.uint32),
    np.empty(0, np.uint8),
    np.empty(0, np.int64),
    (),
    (),
    (),
    (),
    None,
)
