"""The arrays of an npz file, read from front to back without holding any of them in memory.

No array is unpickled. What is read is compared with the checksum that the archive has of it, which
a mapping of the file would not do.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from service.errors import UnusableRecordFile


class Member:
    """One array of the archive: its type and shape, and its rows one after the other."""

    def __init__(self, archive: zipfile.ZipFile, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        try:
            self._stream: IO[bytes] = archive.open(f"{name}.npy")
            self.shape, in_columns, self.dtype = _header(self._stream)
        except (OSError, ValueError, NotImplementedError, RuntimeError, *_DAMAGE) as error:
            raise UnusableRecordFile(
                f"{path}: the array {name} cannot be read ({error}); write the file with "
                "numpy.savez or numpy.savez_compressed."
            ) from error
        if self.dtype.hasobject:
            raise UnusableRecordFile(
                f"{path}: {name} is an array of Python objects, which are not read because reading "
                "them can run code; save texts with a dtype such as 'U64', and numbers as numbers."
            )
        if in_columns and len(self.shape) > 1:
            raise UnusableRecordFile(
                f"{path}: {name} lies in Fortran order, so its rows cannot be read one after the "
                f"other; save numpy.ascontiguousarray({name})."
            )
        self._row_shape = self.shape[1:]
        self.row_bytes = self.dtype.itemsize * int(np.prod(self._row_shape, dtype=np.int64))

    def read(self, count: int) -> NDArray[Any]:
        """The next rows (count, ...). Raises `UnusableRecordFile` when the file is damaged."""
        wanted = count * self.row_bytes
        data = bytearray()
        try:
            while len(data) < wanted and (piece := self._stream.read(wanted - len(data))):
                data += piece
        except (OSError, *_DAMAGE) as error:
            raise self._damaged(error) from error
        if len(data) < wanted:
            raise self._damaged("it ends early")
        if not wanted:
            return np.zeros((count, *self._row_shape), dtype=self.dtype)
        return np.frombuffer(data, dtype=self.dtype).reshape(count, *self._row_shape)

    def end(self) -> None:
        """Raise `UnusableRecordFile` unless this was all of the member, and what was written."""
        try:
            rest = self._stream.read(1)
        except (OSError, *_DAMAGE) as error:
            raise self._damaged(error) from error
        if rest:
            raise self._damaged("it is longer than its header says")

    def close(self) -> None:
        """Close the member."""
        self._stream.close()

    def _damaged(self, reason: object) -> UnusableRecordFile:
        return UnusableRecordFile(
            f"{self._path}: the array {self.name} is damaged ({reason}); copy or write the file "
            "again. The records before the damage are imported, and are skipped the next time."
        )


_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        header = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        header = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"it has version {version[0]}.{version[1]} of the npy format")
    if any(length < 0 for length in header[0]):
        raise ValueError(f"its shape is {header[0]}")
    return header
