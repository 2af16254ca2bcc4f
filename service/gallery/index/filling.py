"""Fills an index with what the store and the index folder hold when a gallery is opened.

Segments are taken as they are. Records that no segment has go straight into segments as large as
may be, written once: a million records without a snapshot take the memory of their codes, and of
one segment's labels. Only the newest few come into the tail.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import faiss
import numpy as np

from service.errors import GalleryUnwritable
from service.gallery.columns.columns import Columns
from service.gallery.files.loading import LoadedGallery, LoadedSegment
from service.gallery.files.segment_writer import SegmentWriter
from service.gallery.index.index import SearchIndex
from service.gallery.index.sealed_segment import SealedSegment, finish_sealing, spaces_of
from service.gallery.store.bulk_reading import RecordBatch, read_records
from service.gallery.store.store import GalleryStore
from vreid.engines.processors import usable_processors

logger = logging.getLogger(__name__)


def fill(index: SearchIndex, store: GalleryStore, loaded: LoadedGallery) -> None:
    """Put what was loaded into an empty index, and bring its folder up to date.

    Raises what reading the store raises, and `GalleryUnwritable` when there is no room for the
    features of many records.
    """
    # Nothing is searched yet.
    faiss.omp_set_num_threads(usable_processors())
    unwritten = BulkSealing(index, loaded.sequence)
    expected = len(loaded.segments)
    for part in loaded.parts():
        if isinstance(part, RecordBatch):
            if unwritten.add(part) and expected == 0:
                # Killed now, the next start goes on from here.
                publish(index)
            continue
        unwritten.finish()
        expected -= 1
        segment = sealed(part, store.facts.feature_size)
        if segment is not None:
            index.adopt(segment, part.live)
        else:
            for batch in read_records(store, part.stored.first - 1, part.stored.last):
                loaded.damaged.extend(batch.damaged)
                unwritten.add(batch)
    for batch in unwritten.rest():
        assert batch.features is not None
        index.append(batch, batch.features)
    index.stand_at(loaded.sequence)
    publish(index)


def publish(index: SearchIndex) -> None:
    """Publish, or say why not: it is tried again with the next step."""
    try:
        index.publish()
    except GalleryUnwritable as error:
        logger.warning("The next start takes longer: %s", error)


class BulkSealing:
    """Seals many records as they come, ascending; few are kept as they are."""

    def __init__(self, index: SearchIndex, as_of: int) -> None:
        self._index = index
        self._as_of = as_of
        self._columns = Columns()
        self._kept: list[RecordBatch] = []
        self._rows = 0
        self._writer: SegmentWriter | None = None

    def add(self, batch: RecordBatch) -> bool:
        """Take the next records; True when a segment was finished with them."""
        if len(batch) == 0:
            return False
        self._kept.append(batch)
        self._rows += len(batch)
        if self._writer is not None or self._rows >= self._index.limits.seal_rows:
            self._write()
        if self._rows >= self._index.limits.largest_rows:
            self.finish()
            return True
        return False

    def finish(self) -> None:
        """Make a segment of what was taken since the last, however little."""
        if self._rows == 0:
            return
        self._write()
        assert self._writer is not None
        with self._writer as writer:
            limits = self._index.limits
            segment = finish_sealing(
                writer,
                self._columns.view().frozen(),
                self._as_of,
                limits.coded_rows,
                self._index.check,
            )
        self._index.adopt(segment, np.ones(segment.size, np.bool_))
        self._columns, self._rows, self._writer = Columns(), 0, None

    def rest(self) -> Iterator[RecordBatch]:
        """What is too little for a segment; a segment is made of more."""
        if self._writer is not None:
            self.finish()
        kept, self._kept, self._rows = self._kept, [], 0
        yield from kept

    def _write(self) -> None:
        if self._writer is None:
            self._writer = self._index.begin_file()
        for batch in self._kept:
            assert batch.features is not None
            self._writer.add(batch.features, batch.mask)
            self._columns.append(batch)
        self._kept = []


def sealed(loaded: LoadedSegment, feature_size: int) -> SealedSegment | None:
    """The segment that was loaded; None when another version's codes cannot be used."""
    try:
        spaces = spaces_of(loaded.arrays, loaded.stored.rows, feature_size)
    except (KeyError, ValueError) as error:
        logger.warning("%s is made anew: %s", loaded.stored.name, error)
        return None
    columns = Columns()
    for batch in loaded.columns():
        columns.append(batch)
    return SealedSegment(columns.view().frozen(), spaces, loaded.stored)
