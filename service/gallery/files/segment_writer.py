"""Writes one segment file: first the features, then what was derived from them."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryUnwritable
from service.gallery.files.feature_file import FeatureFile, packed
from service.gallery.files.segment_format import FEATURES_OFFSET, begin_file, check_arrays, end_file
from service.gallery.store.database import sync_directory

SUFFIX = ".segment"
PARTIAL_SUFFIX = ".segment.partial"


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment whose features are in a file; `name` is None when the file has none."""

    name: str | None
    rows: int
    first: int
    last: int
    features: FeatureFile


class SegmentWriter:
    """One file that is being written; left without `finish`, it is removed.

    Every method raises `GalleryUnwritable` when the disk is full or refuses.
    """

    def __init__(self, folder: Path, gallery_id: str, feature_size: int, *, private: bool) -> None:
        """Begin a file in a folder. A private one has no name, and is gone with the process."""
        self._folder = folder
        self._gallery_id = gallery_id
        self._feature_size = feature_size
        self._token = secrets.token_hex(4)
        self._masks: list[NDArray[np.uint8]] = []
        self._finished = False
        with self._translated():
            self._partial = None if private else folder / f"{self._token}{PARTIAL_SUFFIX}"
            self._file = _open(folder, self._partial)
        try:
            with self._translated():
                begin_file(self._file)
        except BaseException:
            self.abandon()
            raise

    def add(self, features: NDArray[np.float16], mask: NDArray[np.uint8]) -> None:
        """Append the features (b, 3, D) of rows with mask bits (b,)."""
        with self._translated():
            self._file.write(packed(features, mask).reshape(-1).view(np.uint8).data)
        self._masks.append(np.array(mask, dtype=np.uint8))

    def features(self) -> FeatureFile:
        """What was added so far, to be read back; its name may still change."""
        with self._translated():
            self._file.flush()
            return FeatureFile(
                self._file, FEATURES_OFFSET, self._mask(), self._feature_size, self._partial
            )

    def finish(self, arrays: Mapping[str, NDArray[Any]], as_of: int) -> StoredSegment:
        """Write the arrays of the rows that were added, and give the file its name, durably.

        `as_of` is the number of the change up to which the rows hold nothing that was deleted.
        Raises ValueError for arrays that do not fit the rows or may not be stored.
        """
        check_arrays(arrays)
        sequence, mask = arrays["sequence"], self._mask()
        if len(sequence) == 0 or not np.array_equal(arrays["mask"], mask):
            raise ValueError("the arrays are not of the rows whose features were added")
        name: str | None = None
        with self._translated():
            if self._partial is not None:
                end_file(self._file, arrays, self._gallery_id, self._feature_size, as_of)
                self._file.flush()
                os.fsync(self._file.fileno())
                name = f"{int(sequence[0]):012d}-{int(sequence[-1]):012d}-{self._token}{SUFFIX}"
                self._partial.rename(self._folder / name)
                sync_directory(self._folder)
            else:
                self._file.flush()
            path = None if name is None else self._folder / name
            features = FeatureFile(self._file, FEATURES_OFFSET, mask, self._feature_size, path)
        self._finished = True
        self._file.close()
        return StoredSegment(name, len(sequence), int(sequence[0]), int(sequence[-1]), features)

    def abandon(self) -> None:
        """Remove the file unless it is finished; a second call does nothing."""
        if self._finished:
            return
        self._finished = True
        with suppress(OSError):
            # What the disk has no room for was to be thrown away.
            self._file.close()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def _mask(self) -> NDArray[np.uint8]:
        return np.concatenate([np.empty(0, np.uint8), *self._masks])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable_index(self._folder, error) from error


def _open(folder: Path, named: Path | None) -> BinaryIO:
    if named is None:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))
    return named.open("x+b")


def unwritable_index(folder: Path, error: OSError) -> GalleryUnwritable:
    """The error of an index folder that cannot be written; the gallery itself goes on."""
    return GalleryUnwritable(
        f"The index in {folder} cannot be written ({error.strerror or error}); nothing is lost, "
        "but memory grows and the next start takes longer. Free disk space, or correct the "
        "permissions of the folder."
    )
