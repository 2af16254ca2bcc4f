"""One file of the index: the features of a segment's rows, and the arrays that belong to them.

    4096 bytes        says what the file is, the rest zeros
    features          packed float16 (feature_file.py), may be mapped
    arrays            each at a multiple of 64 bytes
    table             JSON: where the arrays are, and a CRC-32 of each
    trailer           where the table is, and its CRC-32

What belongs to one row can be erased in place: its features, its `checksum`, and its row of every
array of codes. So these have no CRC-32 over all rows. Codes have a checksum of each row beside
them, features are compared with the records' checksums, and those with the store.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.files.feature_file import FeatureFile
from service.gallery.files.row_checksums import row_checksums

FEATURES_OFFSET = 4096
ROW_CHECKSUMS = "row_checksums"

OpenedFile: TypeAlias = io.BufferedReader | io.FileIO

_MAGIC = b"vreid segment 1\n"
_TRAILER = struct.Struct("<QQI12s")
_END = b"segment ends"
_ALIGNMENT = 64
_ROW_ARRAYS = {"sequence": "<i8", "checksum": "<u4", "mask": "|u1"}


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an array lies; `crc32` is None for what is erased row by row."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    crc32: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """What a segment file holds. `as_of` is the change up to which it holds no deleted row."""

    gallery_id: str
    feature_size: int
    rows: int
    as_of: int
    arrays: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class SegmentContents:
    """A segment file that was read.

    `damaged_codes` (m,), by the name of the codes' array, are rows that were erased or damaged.
    """

    table: Table
    arrays: Mapping[str, NDArray[Any]]
    features: FeatureFile
    damaged_codes: Mapping[str, NDArray[np.bool_]]


def begin_file(file: BinaryIO) -> None:
    """Write what comes before the features."""
    file.write(_MAGIC.ljust(FEATURES_OFFSET, b"\0"))


def end_file(
    file: BinaryIO,
    arrays: Mapping[str, NDArray[Any]],
    gallery_id: str,
    feature_size: int,
    as_of: int,
) -> None:
    """Write what comes after the features.

    Raises ValueError for an array that cannot be erased row by row: it has no place in the file.
    """
    check_arrays(arrays)
    entries = {}
    for name, array in (*arrays.items(), *_checksums_of_codes(arrays).items()):
        stored = np.ascontiguousarray(array)
        file.write(b"\0" * (-file.tell() % _ALIGNMENT))
        offset = file.tell()
        file.write(_bytes_of(stored))
        crc32 = None if _is_erased_by_row(name) else zlib.crc32(_bytes_of(stored))
        entries[name] = Entry(stored.dtype.str, stored.shape, offset, crc32)
    table = Table(gallery_id, feature_size, len(arrays["sequence"]), as_of, entries)
    text = json.dumps(asdict(table)).encode()
    offset = file.tell()
    file.write(text + _TRAILER.pack(offset, len(text), zlib.crc32(text), _END))


def check_arrays(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError unless these are a segment's arrays."""
    for name, dtype in _ROW_ARRAYS.items():
        if name not in arrays or arrays[name].dtype != np.dtype(dtype):
            raise ValueError(f"a segment needs the array {name!r} of type {dtype}")
    unknown = [each for each in arrays if each not in _ROW_ARRAYS and not each.startswith("codes/")]
    if unknown:
        raise ValueError(f"{unknown} may not lie in a segment file: they cannot be erased by row")


def read_table(file: OpenedFile, path: Path) -> Table:
    """Read where everything is. Raises `GalleryDamaged` when the file is not whole."""
    size = file.seek(0, os.SEEK_END)
    try:
        if size < FEATURES_OFFSET + _TRAILER.size:
            raise ValueError("it is too short")
        file.seek(0)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("it does not begin as one")
        file.seek(size - _TRAILER.size)
        offset, length, crc32, end = _TRAILER.unpack(file.read(_TRAILER.size))
        if end != _END or offset + length + _TRAILER.size != size:
            raise ValueError("it does not end as one")
        file.seek(offset)
        text = file.read(length)
        if zlib.crc32(text) != crc32:
            raise ValueError("its table does not match its checksum")
        values = json.loads(text)
        entries = {
            name: Entry(each["dtype"], tuple(each["shape"]), each["offset"], each["crc32"])
            for name, each in values.pop("arrays").items()
        }
        return Table(arrays=entries, **values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged_segment(path, str(error)) from error


def read_array(file: OpenedFile, path: Path, table: Table, name: str) -> NDArray[Any]:
    """Read one array, and compare it with its checksum. Raises `GalleryDamaged`."""
    entry = table.arrays.get(name)
    if entry is None:
        raise damaged_segment(path, f"it has no {name}")
    array = np.empty(entry.shape, np.dtype(entry.dtype))
    file.seek(entry.offset)
    if file.readinto(_bytes_of(array)) != array.nbytes:
        raise damaged_segment(path, f"{name} is cut short")
    if entry.crc32 is not None and zlib.crc32(_bytes_of(array)) != entry.crc32:
        raise damaged_segment(path, f"{name} does not match its checksum")
    return array


def read_segment(path: Path, gallery_id: str, feature_size: int) -> SegmentContents:
    """Read a segment file with every array but the features, which are mapped.

    Raises `GalleryDamaged` when it is not whole or not of this gallery, OSError when it cannot be
    read. Features are not looked at.
    """
    with path.open("rb") as file:
        table = read_table(file, path)
        if (table.gallery_id, table.feature_size) != (gallery_id, feature_size):
            raise damaged_segment(path, "it is of another gallery")
        arrays = {name: read_array(file, path, table, name) for name in _ROW_ARRAYS}
        damaged = dict[str, NDArray[np.bool_]]()
        for name in filter(is_codes, table.arrays):
            checksums = read_array(file, path, table, checksums_name(name))
            # Nothing is left of a space whose rows are all erased.
            if checksums.any():
                arrays |= _read_space(file, path, table, name)
                damaged[name] = _damaged_rows(arrays[name], checksums)
        features = FeatureFile(file, FEATURES_OFFSET, arrays["mask"], feature_size, path)
    return SegmentContents(table, arrays, features, damaged)


def is_codes(name: str) -> bool:
    """Whether an array is the codes of a space, one row a vector."""
    return name.startswith("codes/") and name.endswith("/codes")


def parameter_names(table: Table, codes: str) -> list[str]:
    """The arrays that belong to all rows of an array of codes."""
    folder = codes.removesuffix("codes")
    by_row = {codes, rows_name(codes), checksums_name(codes)}
    return [each for each in table.arrays if each.startswith(folder) and each not in by_row]


def rows_name(codes: str) -> str:
    """The array that says which rows of the segment an array of codes is of."""
    return codes.removesuffix("codes") + "rows"


def checksums_name(codes: str) -> str:
    """The array with the checksum of each row of an array of codes."""
    return codes.removesuffix("codes") + ROW_CHECKSUMS


def damaged_segment(path: Path, problem: str) -> GalleryDamaged:
    """The error of a segment file that is not what was written."""
    return GalleryDamaged(
        f"The index file {path} is damaged ({problem}); it is derived, and is built again from the "
        "gallery at the next start."
    )


def _checksums_of_codes(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.uint32]]:
    return {
        checksums_name(name): row_checksums(array)
        for name, array in arrays.items()
        if is_codes(name)
    }


def _read_space(file: OpenedFile, path: Path, table: Table, codes: str) -> dict[str, NDArray[Any]]:
    folder = codes.removesuffix("codes")
    names = [each for each in table.arrays if each.startswith(folder)]
    names.remove(checksums_name(codes))
    return {name: read_array(file, path, table, name) for name in names}


def _damaged_rows(codes: NDArray[np.uint8], stored: NDArray[np.uint32]) -> NDArray[np.bool_]:
    # A row that was erased is not what was stored either; whether it should be is not known here.
    damaged: NDArray[np.bool_] = (row_checksums(codes) != stored) | (stored == 0)
    return damaged


def _is_erased_by_row(name: str) -> bool:
    return name == "checksum" or is_codes(name) or name.endswith("/" + ROW_CHECKSUMS)


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
