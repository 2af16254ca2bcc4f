"""Erases what was deleted from the index files, in whichever process deletes.

A deleted row's features, codes and checksums are overwritten with zeros in place. Which rows those
are follows from the feed of changes: for each file it is remembered up to which change it has been
erased. That memory may be lost or behind, since erasing twice is harmless; it is never ahead.

Any segment file that lies in the folder is erased, listed or not. So a file that another process
is about to publish is either seen here, or its writer sees the deletion: it looks after the file
has its name.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.database import Database
from service.gallery.feature_file import STORED, vector_offsets
from service.gallery.feed import deleted_records_after, feed_floor, last_sequence
from service.gallery.segment_format import (
    FEATURES_OFFSET,
    Entry,
    OpenedFile,
    Table,
    checksums_name,
    is_codes,
    parameter_names,
    read_array,
    read_table,
    rows_name,
)
from service.gallery.segment_list import replace_file, sealed, unsealed
from service.gallery.segment_writer import SUFFIX

INDEX_FOLDER = "index"

_POSITIONS = "erased.json"
_ZEROS = memoryview(bytes(1 << 20))

logger = logging.getLogger(__name__)


def erase_deleted(database: Database) -> None:
    """Erase every row that the gallery has no more from every segment file, durably.

    Raises OSError when a file cannot be written; what was not erased is tried again next time.
    """
    folder = database.path.parent / INDEX_FOLDER
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    if not paths:
        return
    known = _read_positions(folder)
    with database.reading() as connection:
        newest = last_sequence(connection)
    erased, refused = dict[str, int](), list[OSError]()
    for path in paths:
        try:
            if known.get(path.name, 0) < newest:
                _erase_file(path, known.get(path.name, 0), database)
            erased[path.name] = max(newest, known.get(path.name, 0))
        except FileNotFoundError:
            # Its writer has replaced it.
            continue
        except GalleryDamaged as error:
            # Where its rows lie cannot be known, so none may stay.
            logger.error("%s It is removed.", error)
            path.unlink(missing_ok=True)
        except OSError as error:
            refused.append(error)
    if erased != known:
        _write_positions(folder, erased)
    if refused:
        raise refused[0]


def erase_rows(path: Path, sequences: NDArray[np.int64]) -> int:
    """Overwrite the rows of these records with zeros, durably; return how many there were.

    Raises `GalleryDamaged` when the file does not tell where they lie, OSError.
    """
    with path.open("r+b", buffering=0) as file:
        table = read_table(file, path)
        held = read_array(file, path, table, "sequence")
        rows = np.flatnonzero(np.isin(held, sequences))
        if len(rows) == 0:
            return 0
        for start, stop in _stretches(file, path, table, rows):
            _overwrite(file, start, stop)
        os.fsync(file.fileno())
    return len(rows)


def _erase_file(path: Path, position: int, database: Database) -> None:
    with path.open("rb") as file:
        table = read_table(file, path)
        held = read_array(file, path, table, "sequence")
    position = max(position, table.as_of)
    with database.reading() as connection:
        connection.execute("BEGIN")
        if position >= feed_floor(connection):
            gone = np.array(deleted_records_after(connection, position), dtype=np.int64)
        else:
            query = "SELECT sequence FROM record WHERE sequence BETWEEN ? AND ?"
            there = connection.execute(query, (int(held[0]), int(held[-1])))
            gone = np.setdiff1d(held, np.array([row[0] for row in there], dtype=np.int64))
        connection.execute("COMMIT")
    if len(gone):
        erase_rows(path, gone)


def _stretches(
    file: OpenedFile, path: Path, table: Table, rows: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """Where in the file (bytes from, to) there is something of the rows."""
    offsets = vector_offsets(read_array(file, path, table, "mask"))
    vector = table.feature_size * STORED.itemsize
    yield from _joined(
        FEATURES_OFFSET + offsets[rows] * vector, FEATURES_OFFSET + offsets[rows + 1] * vector
    )
    yield from _entries(table.arrays["checksum"], rows)
    for name, entry in table.arrays.items():
        if is_codes(name):
            held = read_array(file, path, table, rows_name(name))
            numbers = np.flatnonzero(np.isin(held, rows))
            yield from _entries(entry, numbers)
            checksums = read_array(file, path, table, checksums_name(name))
            yield from _entries(table.arrays[checksums_name(name)], numbers)
            checksums[numbers] = 0
            if not checksums.any():
                # What was computed of all rows is, with a single one, as good as its features.
                for parameter in parameter_names(table, name):
                    yield from _whole(table.arrays[parameter])


def _entries(entry: Entry, numbers: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    size = np.dtype(entry.dtype).itemsize * int(np.prod(entry.shape[1:], dtype=np.int64))
    return _joined(entry.offset + numbers * size, entry.offset + (numbers + 1) * size)


def _whole(entry: Entry) -> Iterator[tuple[int, int]]:
    size = np.dtype(entry.dtype).itemsize * int(np.prod(entry.shape, dtype=np.int64))
    yield entry.offset, entry.offset + size


def _joined(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Stretches that follow one another without a gap, as one."""
    if len(starts) == 0:
        return
    breaks = np.flatnonzero(starts[1:] != stops[:-1])
    yield from zip(
        starts[np.concatenate([[0], breaks + 1])].tolist(),
        stops[np.concatenate([breaks, [len(stops) - 1]])].tolist(),
        strict=True,
    )


def _overwrite(file: OpenedFile, start: int, stop: int) -> None:
    while start < stop:
        start += os.pwrite(file.fileno(), _ZEROS[: stop - start], start)


def _read_positions(folder: Path) -> dict[str, int]:
    try:
        values = json.loads(unsealed((folder / _POSITIONS).read_bytes()))
        return {str(name): int(position) for name, position in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_positions(folder: Path, positions: dict[str, int]) -> None:
    try:
        # The folder's writer tidies up: it may take a file for the remains of a killed process.
        with suppress(FileNotFoundError):
            replace_file(folder / _POSITIONS, sealed(json.dumps(positions)), durably=False)
    except OSError as error:
        logger.warning("What is erased from %s will be erased again: %s", folder, error)
