"""Compares mapped features with their checksums, a little at a time, while the gallery is in use.

A start reads codes and columns, but not gigabytes of features. A background thread goes over them
instead, and again after a while: a disk may return something else tomorrow.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.files.feature_file import FeatureFile
from service.gallery.store.store import GalleryStore

# A step takes some milliseconds when the bytes are in memory.
STEP_BYTES = 16 << 20
AGAIN_AFTER = 24 * 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class SegmentFeatures:
    """A segment as far as its features go: numbers and checksums of its n records, live ones."""

    features: FeatureFile
    sequence: NDArray[np.int64]
    checksum: NDArray[np.uint32]
    live: NDArray[np.bool_]


class FeatureVerification:
    """Goes over the segments of a gallery in turn; used by one thread at a time."""

    def __init__(
        self,
        store: GalleryStore,
        *,
        step_bytes: int = STEP_BYTES,
        again_after: float = AGAIN_AFTER,
    ) -> None:
        self._store = store
        self._step_bytes = step_bytes
        self._again_after = again_after
        self._done: list[FeatureFile] = []
        self._done_at = 0.0
        self._begun: FeatureFile | None = None
        self._row = 0

    def step(self, segments: Sequence[SegmentFeatures]) -> int | None:
        """Look at the next rows; return which of the segments is damaged, None when none is.

        A row that another process has erased is no damage. Does nothing while all segments have
        been seen less than `again_after` seconds ago. A damaged segment is looked at again from
        its beginning for as long as it comes.
        """
        waiting = self._waiting(segments)
        if not waiting and time.monotonic() - self._done_at >= self._again_after:
            self._done = []
            waiting = self._waiting(segments)
        if not waiting:
            return None
        if not self._is_damaged(segments[waiting[0]]):
            return None
        self._done = [each for each in self._done if each is not self._begun]
        self._begun = None
        return waiting[0]

    def _waiting(self, segments: Sequence[SegmentFeatures]) -> list[int]:
        present = {id(each.features) for each in segments}
        self._done = [each for each in self._done if id(each) in present]
        done = {id(each) for each in self._done}
        return [number for number, each in enumerate(segments) if id(each.features) not in done]

    def _is_damaged(self, segment: SegmentFeatures) -> bool:
        rows = len(segment.features)
        start = self._row if self._begun is segment.features else 0
        share = max(1, rows * self._step_bytes // max(1, segment.features.nbytes))
        stop = min(rows, start + share)
        self._begun, self._row = segment.features, stop
        if stop == rows:
            self._done.append(segment.features)
            self._done_at = time.monotonic()
        try:
            bad = segment.features.damaged_rows(segment.checksum, segment.live, start, stop)
        except GalleryDamaged:
            return True
        return is_damage(self._store, segment.sequence[bad])


def is_damage(store: GalleryStore, sequences: NDArray[np.int64]) -> bool:
    """Whether the gallery still has any of these records, whose features were not as stored."""
    return len(store.missing_sequences(sequences.tolist())) < len(sequences)
