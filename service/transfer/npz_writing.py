"""Writing a gallery's records as an npz file, one column after the other.

Features lie in it uncompressed, because they do not compress; the other columns are deflated.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from service.gallery.store.blocks import STORED_TYPE
from service.gallery.store.rows import masks_of
from service.transfer.gallery_reading import Snapshot
from service.transfer.rows import COLUMNS, MODEL, NO_TIME, TIME_COLUMNS
from vreid.modality import MODALITIES

_VALUES_AT_ONCE = 16_384
_LEVEL = 1


def write_npz(records: Snapshot, path: Path, at_once: int, progress: Callable[[int], None]) -> None:
    """Write every record. Raises OSError, and `GalleryDamaged`."""
    with zipfile.ZipFile(path, "w") as archive:
        _write(archive, MODEL, (), iter([np.array(records.facts.fingerprint)]), compress=True)
        _write(archive, "mask", (records.count, len(MODALITIES)), _masks(records), compress=True)
        for name in COLUMNS:
            _write(archive, name, (records.count,), _values(records, name), compress=True)
        _write(
            archive,
            "features",
            (records.count, len(MODALITIES), records.facts.feature_size),
            _features(records, at_once, progress),
            compress=False,
        )


def _write(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    pieces: Iterator[NDArray[Any]],
    *,
    compress: bool,
) -> None:
    """Write one array of which the first piece, which may be empty, tells the type."""
    first = next(pieces)
    with _member(archive, name, compress) as stream:
        header = {
            "descr": npy.dtype_to_descr(first.dtype),
            "fortran_order": False,
            "shape": shape,
        }
        npy.write_array_header_1_0(stream, header)
        stream.write(first.tobytes())
        for piece in pieces:
            stream.write(piece.tobytes())


def _member(archive: zipfile.ZipFile, name: str, compress: bool) -> IO[bytes]:
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined]
    return archive.open(entry, "w", force_zip64=True)


def _masks(records: Snapshot) -> Iterator[NDArray[np.bool_]]:
    yield np.zeros((0, len(MODALITIES)), dtype=np.bool_)
    for bits in records.column("mask", _VALUES_AT_ONCE):
        yield masks_of(np.array(bits, dtype=np.uint8))


def _values(records: Snapshot, name: str) -> Iterator[NDArray[Any]]:
    is_time = name in TIME_COLUMNS
    dtype = np.dtype(np.int64 if is_time else f"<U{max(1, records.longest(name))}")
    absent = NO_TIME if is_time else ""
    yield np.zeros(0, dtype=dtype)
    # Wide texts take their full width in every row of the array.
    at_once = max(1, min(_VALUES_AT_ONCE, (8 << 20) // dtype.itemsize))
    for values in records.column(name, at_once):
        yield np.array([absent if value is None else value for value in values], dtype=dtype)


def _features(
    records: Snapshot, at_once: int, progress: Callable[[int], None]
) -> Iterator[NDArray[np.float16]]:
    yield np.zeros((0, len(MODALITIES), records.facts.feature_size), dtype=STORED_TYPE)
    for block in records.blocks(at_once):
        yield block.features.astype(STORED_TYPE, copy=False)
        progress(len(block))
