"""Reading what a gallery stores: records by id or number, the feed of changes, thumbnails."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import FeedForgotten, GalleryDamaged, UnknownRecord
from service.gallery.record import DamagedRecord, Record
from service.gallery.store import deletion, enrolment, feed, pictures, schema
from service.gallery.store.blocks import RecordBlock, compare_block
from service.gallery.store.database import Database
from service.gallery.store.deletion import Selection
from service.gallery.store.feed import Change
from service.gallery.store.rows import RECORD_COLUMNS, decode_record
from service.gallery.store.schema import GalleryFacts
from vreid.modality import Modality

_SELECT_RECORD = f"SELECT {', '.join(f'r.{name}' for name in RECORD_COLUMNS)} FROM record AS r"

_READ_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """Records by sequence number, and those that are there but cannot be read."""

    records: Mapping[int, Record]
    damaged: tuple[DamagedRecord, ...]


class RecordReading:
    """The reading half of a `GalleryStore`; safe for several threads."""

    def __init__(self, database: Database, facts: GalleryFacts) -> None:
        self._database = database
        self.facts = facts

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    @property
    def gallery_id(self) -> str:
        """What tells this gallery from every other one, and from itself before a restore."""
        with self._database.reading() as connection:
            return schema.read_gallery_id(connection, self.path)

    @property
    def database(self) -> Database:
        """Connections to the file, for the gallery's own maintenance."""
        return self._database

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`, and `GalleryDamaged` if unreadable."""
        with self._database.reading() as connection:
            row = connection.execute(f"{_SELECT_RECORD} WHERE r.id = ?", (record_id,)).fetchone()
        if row is None:
            raise UnknownRecord(record_id)
        return self._decode(row)

    def by_sequence(self, sequences: Iterable[int]) -> FoundRecords:
        """Records by their sequence number; those that do not exist are left out."""
        wanted = json.dumps(list(sequences))
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT_RECORD} WHERE r.sequence IN (SELECT value FROM json_each(?))", (wanted,)
            ).fetchall()
        read = [self._read(row) for row in rows]
        return FoundRecords(
            {each.sequence: each for each in read if isinstance(each, Record)},
            tuple(each for each in read if isinstance(each, DamagedRecord)),
        )

    def thumbnail(self, record_id: str, modality: Modality) -> bytes | None:
        """The JPEG thumbnail of one modality, None when it has none. Raises `UnknownRecord`."""
        with self._database.reading() as connection:
            found = pictures.read_picture(connection, record_id, modality)
        if found is None:
            raise UnknownRecord(record_id)
        return found[0]

    def known_content(self, hashes: Iterable[str]) -> set[str]:
        """Those of the content hashes that some record carries."""
        with self._database.reading() as connection:
            return enrolment.known_content(connection, hashes)

    def ids_with_images(self, images_hash: str) -> list[str]:
        """Ids of the records that were made of these images, whatever their labels."""
        with self._database.reading() as connection:
            return enrolment.ids_with_images(connection, images_hash)

    def count(self) -> int:
        """How many records there are."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])

    def count_selected(self, selection: Selection) -> int:
        """How many records `delete_selected` would delete."""
        with self._database.reading() as connection:
            return deletion.count_selected(connection, selection)

    def compare_block(self, block: RecordBlock) -> tuple[list[int], list[int]]:
        """Rows whose id is stored: those that are the same record, and those that are others."""
        with self._database.reading() as connection:
            return compare_block(connection, block)

    def feed_floor(self) -> int:
        """Up to which number the feed has forgotten deletions."""
        with self._database.reading() as connection:
            return feed.feed_floor(connection)

    def changes_since(
        self, sequence: int, limit: int = 1024, *, known_floor: int = 0
    ) -> list[Change]:
        """The next changes after a sequence number, oldest first, at most `limit`.

        A record that was added and deleted since comes as its deletion alone. A damaged record
        does not raise: it would hide every change after it.

        `known_floor` is the `feed_floor` of when the reader held nothing, or of when it last
        compared. Raises `FeedForgotten` when deletions that the reader has not seen may be gone
        from the feed: it then drops `missing_sequences` and goes on from where it was, with the
        error's `floor` as `known_floor`.
        """
        with self._database.reading() as connection:
            connection.execute("BEGIN")
            floor = feed.feed_floor(connection)
            if 0 < sequence < floor and known_floor < floor:
                raise FeedForgotten(floor)
            records, deletions = feed.rows_after(connection, sequence, limit)
            connection.execute("COMMIT")
        changes = [self._addition(row) for row in records]
        changes += [Change(number, "delete", gone, None) for number, gone in deletions]
        return sorted(changes, key=lambda change: change.sequence)

    def missing_sequences(self, held: Iterable[int]) -> list[int]:
        """Those of the records' numbers that no record has any more."""
        with self._database.reading() as connection:
            return feed.missing_sequences(connection, held)

    def records_after(self, sequence: int, limit: int) -> list[Record | DamagedRecord]:
        """The next records after a sequence number, in the order in which they were stored."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT_RECORD} WHERE r.sequence > ? ORDER BY r.sequence LIMIT ?",
                (sequence, limit),
            ).fetchall()
        return [self._read(row) for row in rows]

    def all_records(self) -> Iterator[Record | DamagedRecord]:
        """Every record in the order in which they were stored, a few hundred in memory at a time.

        The gallery may be changed between two of them.
        """
        last = 0
        while batch := self.records_after(last, _READ_AT_ONCE):
            yield from batch
            last = batch[-1].sequence

    def size_on_disk(self) -> int:
        """Bytes of the database and its write-ahead log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def check(self) -> None:
        """Raise `GalleryDamaged` when the file was deleted or replaced; one look at the disk."""
        self._database.check()

    def _addition(self, row: Sequence[Any]) -> Change:
        read = self._read(row)
        if isinstance(read, DamagedRecord):
            return Change(read.sequence, "add", read.sequence, None, damage=read.reason)
        return Change(read.sequence, "add", read.sequence, read)

    def _read(self, row: Sequence[Any]) -> Record | DamagedRecord:
        try:
            return self._decode(row)
        except GalleryDamaged as error:
            return DamagedRecord(row[0], row[1], str(error))

    def _decode(self, row: Sequence[object]) -> Record:
        return decode_record(row, self.facts.feature_size, self.path)
