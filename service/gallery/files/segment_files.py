"""The folder of a gallery's index: which segment files there are, and which process writes them.

One process at a time writes the folder, as long as it has the gallery open. Others read it at
their start; what they seal themselves lies in files without a name, which are gone with them. When
the writer is gone, the next that seals something takes its place.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.files.segment_erasure import INDEX_FOLDER
from service.gallery.files.segment_format import SegmentContents, read_segment
from service.gallery.files.segment_list import SegmentList, read_list, write_list
from service.gallery.files.segment_writer import (
    SUFFIX,
    SegmentWriter,
    StoredSegment,
    unwritable_index,
)
from service.gallery.store.store import GalleryStore

# A reader begins again when the writer replaces files under it.
_READ_ATTEMPTS = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """A segment file that is whole, as far as it tells by itself."""

    stored: StoredSegment
    contents: SegmentContents


@dataclass(frozen=True, slots=True)
class FoundSegments:
    """What lies in the folder, ascending by rows, and what is wrong with the rest."""

    sequence: int
    segments: tuple[FoundSegment, ...]
    problems: tuple[str, ...]


class SegmentFolder:
    """The index folder beside a gallery's database; used by one thread at a time."""

    def __init__(self, store: GalleryStore, *, writes: bool = True) -> None:
        """Make the folder if it is not there, and become its writer if nobody is.

        Without `writes`, only `load` and `listed` may be called.
        """
        self._store = store
        self._gallery_id = store.gallery_id
        self._feature_size = store.facts.feature_size
        self.path = store.path.parent / INDEX_FOLDER
        self._lock: int | None = None
        if not writes:
            return
        try:
            self.path.mkdir(exist_ok=True)
            self._lock = _try_lock(self.path)
        except OSError as error:
            logger.warning("%s", unwritable_index(self.path, error))

    @property
    def is_writer(self) -> bool:
        """Whether this process writes the folder; then it does until it closes it."""
        return self._lock is not None

    def begin(self) -> SegmentWriter:
        """A new segment file; in a process that is not the writer, one without a name.

        Raises `GalleryUnwritable`.
        """
        try:
            self._make_again()
        except OSError as error:
            raise unwritable_index(self.path, error) from error
        return SegmentWriter(
            self.path, self._gallery_id, self._feature_size, private=not self.is_writer
        )

    def write(
        self,
        arrays: Mapping[str, NDArray[Any]],
        features: Iterable[NDArray[np.float16]],
        as_of: int,
    ) -> StoredSegment:
        """Write a segment of its arrays and blocks of features (b, 3, D), see `SegmentWriter`.

        Raises `GalleryUnwritable`.
        """
        first, mask = 0, arrays["mask"]
        with self.begin() as writer:
            for block in features:
                writer.add(block, mask[first : first + len(block)])
                first += len(block)
            return writer.finish(arrays, as_of)

    def publish(self, segments: Sequence[StoredSegment], sequence: int) -> None:
        """Make these segments, ascending by rows, what the next start reads; remove all others.

        `sequence` is the newest change that the index has followed. What was deleted while a
        segment was written is erased from it before this returns. In a process that is not the
        writer, nothing happens. Raises `GalleryUnwritable`; then the old list stays, and its files
        do.
        """
        if not self.is_writer:
            return
        try:
            self._publish(segments, sequence)
        finally:
            # The files have their names, whether they are listed or not.
            self.erase_deleted()

    def erase_deleted(self) -> None:
        """Erase from the files what was deleted while they were written."""
        self._store.erase_segments()

    def _publish(self, segments: Sequence[StoredSegment], sequence: int) -> None:
        try:
            self._make_again()
        except OSError as error:
            raise unwritable_index(self.path, error) from error
        if not self.is_writer:
            return
        # A process that was not the writer from the start holds rows in files without a name, or
        # in files that the writer before it has replaced: these are read from the store next time.
        names = tuple(
            each.name
            for each in segments
            if each.name is not None and (self.path / each.name).exists()
        )
        try:
            write_list(self.path, SegmentList(self._gallery_id, sequence, names))
        except OSError as error:
            raise unwritable_index(self.path, error) from error
        self.remove_unlisted()

    def load(self) -> FoundSegments:
        """Read the listed segments, all but their features.

        Damaged or missing files are named in `problems`; the writer removes them.
        """
        for _ in range(_READ_ATTEMPTS):
            try:
                listed = self._read_list()
            except (GalleryDamaged, OSError) as error:
                return FoundSegments(0, (), (str(error),))
            found, problems = self._read_all(listed.files)
            if not problems or self.is_writer or self._read_list_again() == listed:
                break
        return FoundSegments(listed.sequence, tuple(found), tuple(problems))

    def listed(self) -> tuple[str, ...]:
        """The names of the files that the list has. Raises `GalleryDamaged`, OSError."""
        return self._read_list().files

    def unlisted(self) -> list[Path]:
        """What a process left that was killed; others than the writer cannot tell, and get none.

        Raises OSError.
        """
        if not self.is_writer:
            return []
        try:
            kept = set(self._read_list().files)
        except GalleryDamaged:
            kept = set()
        return [
            path
            for path in sorted(self.path.iterdir())
            if path.name not in kept and path.suffix in (SUFFIX, ".partial")
        ]

    def remove_unlisted(self) -> None:
        """Remove what a process left that was killed; only the writer does."""
        try:
            for path in self.unlisted():
                path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("What %s does not need cannot be removed: %s", self.path, error)

    def close(self) -> None:
        """Let another process be the writer; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_again(self) -> None:
        """Make the folder if somebody has removed it, and become its writer if nobody is."""
        self.path.mkdir(exist_ok=True)
        if self._lock is not None and not os.path.samestat(os.fstat(self._lock), self.path.stat()):
            self.close()
        if self._lock is None:
            self._lock = _try_lock(self.path)

    def _read_list(self) -> SegmentList:
        nothing = SegmentList(self._gallery_id, 0, ())
        listed = read_list(self.path)
        if listed is None:
            return nothing
        if listed.gallery_id != self._gallery_id:
            raise GalleryDamaged(
                f"{self.path} is the index of another gallery, or of this one before it was "
                "restored; it is built again."
            )
        return listed

    def _read_list_again(self) -> SegmentList | None:
        try:
            return self._read_list()
        except (GalleryDamaged, OSError):
            return None

    def _read_all(self, files: Iterable[str]) -> tuple[list[FoundSegment], list[str]]:
        found, problems = list[FoundSegment](), list[str]()
        for name in files:
            try:
                contents = read_segment(self.path / name, self._gallery_id, self._feature_size)
            except (GalleryDamaged, OSError) as error:
                problems.append(str(error))
                continue
            sequence = contents.arrays["sequence"]
            first, last = int(sequence[0]), int(sequence[-1])
            if found and first <= found[-1].stored.last:
                problems.append(f"{self.path / name} has rows that another file has too")
                continue
            stored = StoredSegment(name, len(sequence), first, last, contents.features)
            found.append(FoundSegment(stored, contents))
        return found, problems


def _try_lock(folder: Path) -> int | None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
