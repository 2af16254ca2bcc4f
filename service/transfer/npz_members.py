"""The arrays of an npz file, read from front to back without holding any of them in memory.

No array is unpickled. What is read is compared with the checksum that the archive has of it, which
a mapping of the file would not do.
"""

from __future__ import annotations

import io
import math
import re
import struct
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
        except DAMAGE as error:
            raise unreadable(path, name, error) from error
        try:
            self.shape, in_columns, self.dtype = _header(self._stream)
        except DAMAGE as error:
            self._stream.close()
            raise unreadable(path, name, error) from error
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
        self.row_bytes = self.dtype.itemsize * math.prod(self._row_shape)

    def read(self, count: int) -> NDArray[Any]:
        """The next rows (count, ...). Raises `UnusableRecordFile` when the file is damaged."""
        wanted = count * self.row_bytes
        data = bytearray()
        try:
            while len(data) < wanted and (piece := self._stream.read(wanted - len(data))):
                data += piece
        except DAMAGE as error:
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
        except DAMAGE as error:
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


DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    OverflowError,
    # Also NotImplementedError, for what zipfile does not know.
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What zipfile raises at archives that are damaged, and this module at members that are none."""

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The compressions that numpy writes; others are not read."""


def unreadable(path: Path, name: str, reason: object) -> UnusableRecordFile:
    """The error for an array of which not even the beginning can be read."""
    return UnusableRecordFile(
        f"{path}: the array {name} cannot be read ({reason}); write the file with numpy.savez or "
        "numpy.savez_compressed."
    )


_LENGTHS = {(1, 0): "<H", (2, 0): "<I"}
_LONGEST_HEADER = 10_000
_NUMBER = r"(?:0|[1-9][0-9]{0,18})"
_ENTRY = "|".join(
    (
        r"'descr': ?'[<>=|]?[biufcmMSUVO][0-9]{0,9}(?:\[[0-9]{0,9}[a-zA-Z]{1,2}\])?'",
        r"'fortran_order': ?(?:True|False)",
        rf"'shape': ?\((?:{_NUMBER}, ?)*(?:{_NUMBER})?\)",
    )
)
# A header is Python source, and at odd source Python's parser raises nearly anything. So numpy gets
# the headers that arrays of plain types have and no others.
_HEADER = re.compile(rf"\{{(?: ?(?:{_ENTRY}),?){{3}} ?\}} *\n?")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version not in _LENGTHS:
        raise ValueError(f"it has version {version[0]}.{version[1]} of the npy format")
    told = _exactly(stream, struct.calcsize(_LENGTHS[version]))
    (length,) = struct.unpack(_LENGTHS[version], told)
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length} bytes")
    text = _exactly(stream, length)
    if not _HEADER.fullmatch(text.decode("latin-1")):
        raise ValueError("its header is not one of an array of a plain type")
    header = io.BytesIO(told + text)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(header)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError("it ends within its header")
    return data
