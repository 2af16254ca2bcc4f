"""How much of what is truly nearest the index files of a gallery find, without serving it."""

from __future__ import annotations

from contextlib import closing

from service.gallery.files.loading import compare
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.index.filling import sealed
from service.gallery.index.index import SearchIndex
from service.gallery.index.recall import RecallEstimate, estimate_recall
from service.gallery.store.store import GalleryStore


def estimate_stored_recall(store: GalleryStore) -> RecallEstimate | None:
    """The recall of policy `shared` over what is sealed; None while nothing is, as all is exact.

    Changes nothing. Reads the features of all sealed records once.
    """
    loaded = compare(store, SegmentFolder(store, writes=False))
    with closing(SearchIndex(store.facts.feature_size)) as index:
        for segment in loaded.segments:
            contents = sealed(segment, store.facts.feature_size)
            if contents is not None:
                index.adopt(contents, segment.live)
        index.stand_at(loaded.sequence)
        return estimate_recall(index, "shared", None)
