"""Erases what was deleted from the index files, in whichever process deletes.

A deleted row's features, codes and checksums are overwritten with zeros in place. Which rows those
are follows from the feed of changes: for each file it is remembered up to which change it has been
erased. That memory may be lost or behind, since erasing twice is harmless. It is ahead only when
the database was replaced by an older copy: then every row is compared with the database.

Any segment file that lies in the folder is erased, listed or not. So a file that another process
is about to publish is either seen here, or its writer sees the deletion: it looks after the file
has its name.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.files.feature_file import STORED, vector_offsets
from service.gallery.files.segment_format import (
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
from service.gallery.files.segment_list import replace_file, sealed, unsealed
from service.gallery.files.segment_writer import SUFFIX
from service.gallery.store.database import Database
from service.gallery.store.feed import deleted_records_after, feed_floor, last_sequence
from service.gallery.store.schema import read_gallery_id

INDEX_FOLDER = "index"

_POSITIONS = "erased.json"
_NAMED = re.compile(r"(\d+)-(\d+)-")
_ANOTHER_HISTORY = int(np.iinfo(np.int64).max)
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
    # The memory before the database: so it is not ahead for what others do at this moment.
    with database.reading() as connection:
        gallery_id = read_gallery_id(connection, database.path)
    known = _read_positions(folder, gallery_id)
    with database.reading() as connection:
        newest = last_sequence(connection)
    erasing = _Erasing(database, gallery_id, newest)
    erased, refused = dict[str, int](), list[OSError]()
    for path in paths:
        try:
            erasing.erase(path, known.get(path.name))
            erased[path.name] = newest
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
        _write_positions(folder, gallery_id, erased)
    if refused:
        raise refused[0]


def erase_rows(path: Path, sequences: NDArray[np.int64]) -> int:
    """Overwrite the rows of these records with zeros, durably; return how many there were.

    Raises `GalleryDamaged` when the file does not tell where they lie, OSError.
    """
    with path.open("r+b", buffering=0) as file:
        table = read_table(file, path)
        rows = _rows_of(read_array(file, path, table, "sequence"), sequences)
        if len(rows) == 0:
            return 0
        for start, stop in _stretches(file, path, table, rows):
            _overwrite(file, start, stop)
        os.fsync(file.fileno())
    return len(rows)


class _Erasing:
    """Finds out what is to be erased from files, and erases it; for one moment of a gallery."""

    def __init__(self, database: Database, gallery_id: str, newest: int) -> None:
        self._database = database
        self._gallery_id = gallery_id
        self._newest = newest
        self._gone = dict[int, NDArray[np.int64] | None]()

    def erase(self, path: Path, known: int | None) -> None:
        """Erase a file that is known to have been erased up to a change, None for a new one."""
        if known == self._newest:
            return
        position = self._as_of(path) if known is None else known
        gone = None if position > self._newest else self._deleted_after(position)
        if gone is None:
            gone = self._compared(path)
        else:
            # A file without such a row need not be read.
            first, last = _range_of(path)
            gone = gone[np.searchsorted(gone, first) : np.searchsorted(gone, last, side="right")]
        if len(gone):
            erase_rows(path, gone)

    def _as_of(self, path: Path) -> int:
        """Up to which change a new file holds nothing deleted; beyond all for another gallery's."""
        with path.open("rb") as file:
            table = read_table(file, path)
        return table.as_of if table.gallery_id == self._gallery_id else _ANOTHER_HISTORY

    def _deleted_after(self, position: int) -> NDArray[np.int64] | None:
        """The records that were deleted after a change, None when some are forgotten."""
        if position not in self._gone:
            with self._database.reading() as connection:
                connection.execute("BEGIN")
                told = position >= feed_floor(connection)
                found = deleted_records_after(connection, position) if told else ()
                connection.execute("COMMIT")
            self._gone[position] = np.sort(np.array(found, dtype=np.int64)) if told else None
        return self._gone[position]

    def _compared(self, path: Path) -> NDArray[np.int64]:
        """The records of a file that the gallery does not have."""
        with path.open("rb") as file:
            held = read_array(file, path, read_table(file, path), "sequence")
        query = "SELECT sequence FROM record WHERE sequence BETWEEN ? AND ?"
        with self._database.reading() as connection:
            there = connection.execute(query, (int(held[0]), int(held[-1]))).fetchall()
        return np.setdiff1d(held, np.array([row[0] for row in there], dtype=np.int64))


def _range_of(path: Path) -> tuple[int, int]:
    """The first and the last number of the rows of a file, as its name tells."""
    told = _NAMED.match(path.name)
    return (int(told[1]), int(told[2])) if told else (0, _ANOTHER_HISTORY)


def _rows_of(held: NDArray[np.int64], sequences: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of those of the records (m,) that are held (n,), ascending."""
    wanted = np.unique(sequences)
    rows = np.searchsorted(held, wanted)
    known = rows < len(held)
    known[known] = held[rows[known]] == wanted[known]
    return rows[known]


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


def _read_positions(folder: Path, gallery_id: str) -> dict[str, int]:
    try:
        values = json.loads(unsealed((folder / _POSITIONS).read_bytes()))
        if values["gallery_id"] != gallery_id:
            return {}
        return {str(name): int(position) for name, position in values["erased"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write_positions(folder: Path, gallery_id: str, erased: dict[str, int]) -> None:
    text = json.dumps({"gallery_id": gallery_id, "erased": erased})
    try:
        # The folder's writer tidies up: it may take a file for the remains of a killed process.
        with suppress(FileNotFoundError):
            replace_file(folder / _POSITIONS, sealed(text), durably=False)
    except OSError as error:
        logger.warning("What is erased from %s will be erased again: %s", folder, error)
