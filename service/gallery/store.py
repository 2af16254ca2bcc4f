"""The source of truth of a gallery: records, thumbnails and the feed of changes, in SQLite.

A record is durable when `add` returns. Nothing else has to agree with this file: the search index
is derived from it and lives in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.errors import FeedForgotten, GalleryDamaged, GalleryError, UnknownRecord
from service.gallery import deletion, enrolment, feed, pictures, schema
from service.gallery.database import DATABASE_NAME, Database
from service.gallery.deletion import Selection
from service.gallery.feed import Change
from service.gallery.group_commit import GroupCommit
from service.gallery.record import DamagedRecord, Labels, NewRecord, Record
from service.gallery.rows import RECORD_COLUMNS, decode_record
from service.gallery.schema import GalleryFacts
from vreid.errors import FingerprintMismatch
from vreid.modality import Modality

__all__ = ["Change", "FoundRecords", "GalleryStore", "Selection"]

_SELECT_RECORD = f"SELECT {', '.join(f'r.{name}' for name in RECORD_COLUMNS)} FROM record AS r"

# Records deleted in one transaction: other writers wait for no more than that.
_DELETED_AT_ONCE = 500
_READ_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """Records by sequence number, and those that are there but cannot be read."""

    records: Mapping[int, Record]
    damaged: tuple[DamagedRecord, ...]


class GalleryStore:
    """Records of one gallery directory; safe for several threads and several processes.

    Writes of several threads share a transaction; each returns when its own part is durable.
    """

    def __init__(self, database: Database, facts: GalleryFacts) -> None:
        self._database = database
        self._writes = GroupCommit(database)
        self._log_holds_deleted = False
        self.facts = facts

    @classmethod
    def open(
        cls, directory: Path, fingerprint: str, feature_size: int, *, lock_timeout: float = 30.0
    ) -> GalleryStore:
        """Open the gallery of a model, or make it when the directory has none.

        A gallery of an older vreid is migrated, after a copy of it was made beside it. Raises
        `FingerprintMismatch` when the gallery was made with another model,
        `GalleryDamaged`, `GalleryLocked`, `GalleryUnwritable` or `GalleryUnsupported`.
        """
        database = Database(directory / DATABASE_NAME, create=True, busy_timeout=lock_timeout)
        try:
            wanted = GalleryFacts(fingerprint, feature_size, datetime.now(UTC))
            facts = schema.prepare(database, wanted)
            if (facts.fingerprint, facts.feature_size) != (fingerprint, feature_size):
                raise FingerprintMismatch(
                    f"The gallery {directory} was made with the model {facts.fingerprint}, and "
                    f"the bundle is {fingerprint}; features of two models cannot be compared. Use "
                    "the old bundle, or index the pictures again into a new directory: "
                    "vreid index SOURCE --bundle NEW_BUNDLE --gallery NEW_DIRECTORY"
                )
        except BaseException:
            database.close()
            raise
        return cls(database, facts)

    @classmethod
    def open_existing(cls, directory: Path) -> GalleryStore:
        """Open a gallery that exists, whatever model it was made with.

        Raises `GalleryNotFound` and what `open` raises, except for the mismatch.
        """
        database = Database(directory / DATABASE_NAME, create=False)
        try:
            return cls(database, schema.prepare(database, None))
        except BaseException:
            database.close()
            raise

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    @property
    def database(self) -> Database:
        """Connections to the file, for the gallery's own maintenance."""
        return self._database

    def add(
        self, records: Sequence[NewRecord], *, skip_known_content: bool = False
    ) -> list[Record]:
        """Store records, all of them or none, and return them; they are on the disk by then.

        With `skip_known_content`, a record whose content hash is stored already is left out of both
        the gallery and the answer. Raises `DuplicateRecord` with every id that is taken, and
        `InvalidRecord` when the feature size is another; in both cases nothing is stored.
        """
        enrolment.check_sizes(records, self.facts.feature_size)
        now = datetime.now(UTC)
        return self._writes.run(
            lambda connection: enrolment.store_records(
                connection, records, now, skip_known_content=skip_known_content
            )
        )

    def relabel(self, record_id: str, labels: Labels, content_hash: str | None) -> None:
        """Replace what is told about a record; it keeps its id and moves to the end of the order.

        Raises `UnknownRecord`.
        """
        now = datetime.now(UTC)
        if not self._writes.run(
            lambda connection: enrolment.relabel_record(
                connection, record_id, labels, content_hash, now
            )
        ):
            raise UnknownRecord(record_id)
        # Many records are relabelled in a row: their old labels leave the log together.
        self._log_holds_deleted = True

    def delete(self, ids: Iterable[str]) -> int:
        """Delete records with their features and thumbnails; return how many there were.

        Their bytes are gone from the files too when this returns, unless a reader kept the log in
        use; then that happens at the next `erase_remains`, or when the last process closes.
        """
        wanted, now = list(ids), datetime.now(UTC)
        count = self._writes.run(lambda connection: deletion.delete_by_id(connection, wanted, now))
        self._erase_deleted()
        return count

    def delete_selected(self, selection: Selection) -> int:
        """Delete every record that is selected, one transaction a batch; return how many."""
        total = 0
        while count := self._writes.run(
            lambda connection: deletion.delete_selected(
                connection, selection, _DELETED_AT_ONCE, datetime.now(UTC)
            )
        ):
            total += count
        if total:
            self._erase_deleted()
        return total

    def count_selected(self, selection: Selection) -> int:
        """How many records `delete_selected` would delete."""
        with self._database.reading() as connection:
            return deletion.count_selected(connection, selection)

    def erase_remains(self) -> None:
        """Try again to clear the log of what was deleted; does nothing when it is clear."""
        if self._log_holds_deleted:
            self._erase_deleted(patience=0.0)

    def scrub(self) -> None:
        """Write the file anew, without the unused parts of pages; takes as long as copying it.

        SQLite zeroes what is deleted, but when it splits or joins pages a copy of a short value
        may stay in an unused part of one.
        """
        self._database.rebuild()
        self._erase_deleted()

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

    def last_sequence(self) -> int:
        """The number of the newest change, 0 when nothing ever changed; cheap enough to poll."""
        with self._database.reading() as connection:
            return feed.last_sequence(connection)

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

    def close(self) -> None:
        """Close the files; afterwards every call raises `GalleryClosed`."""
        self.erase_remains()
        self._database.close()

    def _erase_deleted(self, patience: float = 1.0) -> None:
        # The deletion is committed: an error here would make the caller do it again.
        self._log_holds_deleted = True
        with suppress(GalleryError):
            self._log_holds_deleted = not self._database.erase_log(patience)

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
