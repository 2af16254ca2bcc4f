"""Replaces segments whose features are no longer what was stored, while the gallery is in use.

A background thread compares features with their checksums; of a damaged segment, the features are
read from the store again, and its codes made anew from them. A record that is damaged in the store
too is left out of the new segment and of every search.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from service.gallery.files.feature_verification import FeatureVerification, SegmentFeatures
from service.gallery.following import Follower
from service.gallery.index.index import SearchIndex
from service.gallery.index.sealed_segment import SealedSegment
from service.gallery.record import DamagedRecord
from service.gallery.store.bulk_reading import RecordBatch, read_records
from service.gallery.store.store import GalleryStore

logger = logging.getLogger(__name__)


class Mending:
    """Looks at the features of sealed segments, a little with each step; used by one thread."""

    def __init__(
        self,
        store: GalleryStore,
        index: SearchIndex,
        follower: Follower,
        verification: FeatureVerification | None = None,
    ) -> None:
        self._store = store
        self._index = index
        self._follower = follower
        self._verification = FeatureVerification(store) if verification is None else verification

    def step(self) -> bool:
        """Look at the next features; True when a segment was damaged and has been replaced.

        Raises what reading the store and writing a segment raise.
        """
        parts = self._index.sealed_parts()
        segments = [part.rows for part in parts if isinstance(part.rows, SealedSegment)]
        damaged = self._verification.step(
            [
                SegmentFeatures(
                    segment.stored.features,
                    segment.columns.sequence,
                    segment.columns.checksum,
                    part.live,
                )
                for segment, part in zip(segments, parts, strict=True)
            ]
        )
        if damaged is None:
            return False
        segment = segments[damaged]
        logger.error(
            "The features in %s are not what was stored; they are read from the gallery again.",
            segment.stored.features.path or "a file without a name",
        )
        unreadable = list[DamagedRecord]()

        def stored(first: int, last: int) -> Iterator[RecordBatch]:
            for batch in read_records(self._store, first - 1, last):
                unreadable.extend(batch.damaged)
                yield batch

        self._index.write_anew(segment, stored)
        self._follower.leave_out(unreadable)
        return True
