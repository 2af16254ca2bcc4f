"""Looks at the files of the search index: whether they are whole, and hold what the store holds.

All of it is derived. What is damaged is taken out of the list, and the next start reads its
records from the store; but only when no process has the gallery open that writes these files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.files.feature_verification import is_damage
from service.gallery.files.loading import LoadedSegment, compare
from service.gallery.files.segment_erasure import INDEX_FOLDER
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.store.store import GalleryStore

_ROWS_AT_ONCE = 4096
_DONE = "taken out of the index; the next start builds it again"


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """What is wrong with a file of the index. `repaired` says what was done, None for nothing."""

    subject: str
    problem: str
    repaired: str | None


def examine_index(store: GalleryStore, *, repair: bool = False) -> list[IndexProblem]:
    """Compare every file of the index with the store, features too; reads everything once."""
    if not (store.path.parent / INDEX_FOLDER).is_dir():
        return []
    if repair:
        store.erase_segments()
    # Not as the writer: a service that starts meanwhile must be able to become it.
    reading = SegmentFolder(store, writes=False)
    listed = _listed(reading)
    compared = compare(store, reading)
    problems = [(INDEX_FOLDER, each) for each in compared.problems]
    sound = list[LoadedSegment]()
    for segment in compared.segments:
        found = list(_problems_of(store, segment))
        problems += [(str(segment.stored.name), each) for each in found]
        if not found:
            sound.append(segment)
    with closing(SegmentFolder(store)) as folder:
        left = [path.name for path in folder.unlisted()]
        mends = repair and folder.is_writer and _listed(folder) == listed
        if mends and (problems or left):
            folder.publish([each.stored for each in sound], compared.sequence)
    done, removed = (_DONE, "removed") if mends else (None, None)
    return [IndexProblem(subject, problem, done) for subject, problem in problems] + [
        IndexProblem(name, "no list names it; a process was killed while it wrote", removed)
        for name in left
    ]


def _listed(folder: SegmentFolder) -> tuple[str, ...] | None:
    try:
        return folder.listed()
    except (GalleryDamaged, OSError):
        return None


def _problems_of(store: GalleryStore, segment: LoadedSegment) -> Iterator[str]:
    try:
        if _has_other_features(store, segment):
            yield "its features are not what was stored"
        left = _dead_rows_left(segment)
    except GalleryDamaged as error:
        yield str(error)
        return
    if len(left) and len(store.missing_sequences(left.tolist())):
        yield f"it still holds {len(left)} records that have been deleted"


def _has_other_features(store: GalleryStore, segment: LoadedSegment) -> bool:
    checksum, held = segment.arrays["checksum"], segment.arrays["sequence"]
    for start in range(0, len(held), _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, len(held))
        bad = segment.features.damaged_rows(checksum, segment.live, start, stop)
        if len(bad) and is_damage(store, held[bad]):
            return True
    return False


def _dead_rows_left(segment: LoadedSegment) -> NDArray[np.int64]:
    """Numbers of dead records whose features are not erased."""
    dead = np.flatnonzero(~segment.live)
    left = [
        dead[first : first + len(block)][block.any(axis=(1, 2))]
        for first, block in zip(
            range(0, len(dead), _ROWS_AT_ONCE),
            segment.features.blocks(dead, _ROWS_AT_ONCE),
            strict=True,
        )
    ]
    rows = np.concatenate([np.empty(0, np.int64), *left])
    numbers: NDArray[np.int64] = segment.arrays["sequence"][rows]
    return numbers
