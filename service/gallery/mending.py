"""Replaces segments whose features are no longer what was stored, while the gallery is in use.

A background thread compares features with their checksums; of a damaged segment, the features are
read from the store again, and its codes made anew from them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from service.gallery.bulk_reading import read_records
from service.gallery.feature_verification import FeatureVerification, SegmentFeatures
from service.gallery.index import SearchIndex
from service.gallery.sealed_segment import SealedSegment
from service.gallery.store import GalleryStore
from vreid.modality import MODALITIES

_ROWS_AT_ONCE = 256

logger = logging.getLogger(__name__)


class Mending:
    """Looks at the features of sealed segments, a little with each step; used by one thread."""

    def __init__(
        self,
        store: GalleryStore,
        index: SearchIndex,
        verification: FeatureVerification | None = None,
    ) -> None:
        self._store = store
        self._index = index
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
        self._index.write_anew(segment, lambda numbers: stored_features(self._store, numbers))
        return True


def stored_features(
    store: GalleryStore, sequences: NDArray[np.int64]
) -> Iterator[NDArray[np.float16]]:
    """Features (b, 3, D) of records (m,), ascending, in blocks; zeros of those that are gone."""
    for first in range(0, len(sequences), _ROWS_AT_ONCE):
        wanted = sequences[first : first + _ROWS_AT_ONCE]
        features = np.zeros(
            (len(wanted), len(MODALITIES), store.facts.feature_size), dtype=np.float16
        )
        for batch in read_records(store, int(wanted[0]) - 1, int(wanted[-1])):
            assert batch.features is not None
            found = np.isin(batch.sequence, wanted)
            features[np.searchsorted(wanted, batch.sequence[found])] = batch.features[found]
        yield features
