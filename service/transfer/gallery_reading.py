"""The records of a gallery as they were at one moment, in blocks, while others go on writing."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged, InvalidRecord
from service.gallery.filters.filter import Filter
from service.gallery.record import Labels
from service.gallery.store.blocks import RecordBlock, unpacked_features
from service.gallery.store.rows import masks_of
from service.gallery.store.schema import GalleryFacts
from service.gallery.store.store import GalleryStore
from service.transfer.rows import COLUMNS
from vreid.modality import MODALITIES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SELECTED = {name: f"r.{name}" for name in COLUMNS} | {"images_hash": "i.hash"}
_FROM = "FROM record AS r LEFT JOIN record_images AS i ON i.record_sequence = r.sequence"
_SELECT = (
    f"SELECT r.sequence, r.mask, r.checksum, r.features, "
    f"{', '.join(_SELECTED[name] for name in COLUMNS)} {_FROM} "
    "WHERE r.sequence IN (SELECT value FROM json_each(?)) ORDER BY r.sequence"
)
_SELECT_LABELS = (
    "SELECT sequence, identity, camera, scene, captured_at, attributes FROM record "
    "ORDER BY sequence"
)


class Snapshot:
    """Records of one moment, all or those that pass a filter; `count` is how many.

    One thread at a time reads it.
    """

    def __init__(
        self, connection: sqlite3.Connection, facts: GalleryFacts, only: Filter | None
    ) -> None:
        self._connection = connection
        self.facts = facts
        # The transaction sees what was committed before its first statement, which is in here.
        chosen = _all_numbers(connection) if only is None else _numbers_of(connection, only)
        self._numbers: NDArray[np.int64] = np.fromiter(chosen, dtype=np.int64)
        self.count = len(self._numbers)

    def longest(self, name: str) -> int:
        """The characters of the longest text in a column of the gallery, 0 when it has none."""
        query = f"SELECT max(length({_SELECTED[name]})) {_FROM}"
        return int(self._connection.execute(query).fetchone()[0] or 0)

    def column(self, name: str, at_once: int) -> Iterator[list[Any]]:
        """One column (or `mask`, as numbers) in the order of the records, without the others."""
        query = (
            f"SELECT {_SELECTED.get(name, f'r.{name}')} {_FROM} "
            "WHERE r.sequence IN (SELECT value FROM json_each(?)) ORDER BY r.sequence"
        )
        for numbers in self._parts(at_once):
            yield [row[0] for row in self._connection.execute(query, (numbers,))]

    def blocks(self, at_once: int) -> Iterator[RecordBlock]:
        """Every record in the order of storing.

        Raises `GalleryDamaged` at a record that is not what was stored.
        """
        for numbers in self._parts(at_once):
            yield self._block(self._connection.execute(_SELECT, (numbers,)).fetchall())

    def _parts(self, at_once: int) -> Iterator[str]:
        for first in range(0, self.count, at_once):
            yield json.dumps(self._numbers[first : first + at_once].tolist())

    def _block(self, rows: list[tuple[Any, ...]]) -> RecordBlock:
        _, bits, checksums, packed, *columns = map(list, zip(*rows, strict=True))
        told = dict(zip(COLUMNS, columns, strict=True))
        for record_id, stored, checksum in zip(told["id"], packed, checksums, strict=True):
            if zlib.crc32(stored) != checksum:
                raise _damaged(record_id, "its features do not match their checksum")
        try:
            for each in {*told["attributes"], *told["source"]}:
                json.loads(each)
            for column in columns:
                "".join(each for each in column if isinstance(each, str)).encode()
            if not all(1 <= each < 1 << len(MODALITIES) for each in bits):
                raise ValueError("a mask names no modality")
            mask = masks_of(np.array(bits, dtype=np.uint8))
            features = unpacked_features(packed, mask, self.facts.feature_size)
        except (ValueError, TypeError) as error:
            raise _damaged(f"{told['id'][0]} ... {told['id'][-1]}", str(error)) from error
        return RecordBlock(features, mask, **told)


def _all_numbers(connection: sqlite3.Connection) -> Iterator[int]:
    return (row[0] for row in connection.execute("SELECT sequence FROM record ORDER BY sequence"))


def _numbers_of(connection: sqlite3.Connection, only: Filter) -> Iterator[int]:
    rows = connection.execute(_SELECT_LABELS)
    for number, identity, camera, scene, captured_at, attributes in rows:
        try:
            time = None if captured_at is None else _EPOCH + timedelta(microseconds=captured_at)
            told = Labels(identity, camera, scene, time, json.loads(attributes))
        except (InvalidRecord, ValueError, OverflowError) as error:
            raise _damaged(f"number {number}", str(error)) from error
        if only.matches(told):
            yield number


@contextmanager
def snapshot(store: GalleryStore, only: Filter | None = None) -> Iterator[Snapshot]:
    """The gallery as it is now, or what passes the filter `only`, until the block ends.

    Others write meanwhile; the database's log keeps what they write, and what they delete stays in
    it until then.
    """
    with store.database.reading() as connection:
        connection.execute("BEGIN")
        yield Snapshot(connection, store.facts, only)
        connection.execute("COMMIT")
    store.erase_remains()


def _damaged(record_id: str, reason: str) -> GalleryDamaged:
    return GalleryDamaged(
        f"The record {record_id!r} is damaged ({reason}), so the export would not be what was "
        "stored; run `vreid gallery doctor --repair`, which sets it aside, and export again."
    )
