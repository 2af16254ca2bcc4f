"""The source of truth of a gallery: records, thumbnails and the feed of changes, in SQLite.

A record is durable when `add` returns. Nothing else has to agree with this file: the search index
is derived from it and lives in memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from service.errors import DuplicateRecord, GalleryDamaged, InvalidRecord, UnknownRecord
from service.gallery import schema
from service.gallery.database import DATABASE_NAME, Database
from service.gallery.record import NewRecord, Record, make_id
from service.gallery.rows import RECORD_COLUMNS, decode_record, encode_record
from service.gallery.schema import GalleryFacts
from vreid.errors import FingerprintMismatch
from vreid.modality import Modality

_SELECT_RECORD = f"SELECT {', '.join(f'r.{name}' for name in RECORD_COLUMNS)} FROM record AS r"
_INSERT_RECORD = (
    f"INSERT INTO record ({', '.join(RECORD_COLUMNS)}) "
    f"VALUES ({', '.join('?' for _ in RECORD_COLUMNS)})"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the feed: a record was added or deleted.

    `record` is the added record, or None when it has been deleted since (or for a deletion).
    `damage` says why the added record cannot be read, if it cannot; `record` is None then too.
    """

    sequence: int
    kind: Literal["add", "delete"]
    record_sequence: int
    record: Record | None
    damage: str | None = None


class GalleryStore:
    """Records of one gallery directory; safe for several threads and several processes."""

    def __init__(self, database: Database, facts: GalleryFacts) -> None:
        self._database = database
        self.facts = facts

    @classmethod
    def open(
        cls, directory: Path, fingerprint: str, feature_size: int, *, lock_timeout: float = 30.0
    ) -> GalleryStore:
        """Open the gallery of a model, or make it when the directory has none.

        Raises `FingerprintMismatch` when the gallery was made with another model,
        `GalleryDamaged`, `GalleryLocked`, `GalleryUnwritable` or `GalleryUnsupported`.
        """
        database = Database(directory / DATABASE_NAME, create=True, busy_timeout=lock_timeout)
        try:
            facts = _prepare(database, GalleryFacts(fingerprint, feature_size, datetime.now(UTC)))
            if (facts.fingerprint, facts.feature_size) != (fingerprint, feature_size):
                raise FingerprintMismatch(
                    f"The gallery {directory} was made with the model {facts.fingerprint}, and "
                    "the bundle is "
                    f"{fingerprint}; features of two models cannot be compared. Use the old "
                    "bundle, or index "
                    "the pictures again into a new directory: "
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
            return cls(database, _prepare(database, None))
        except BaseException:
            database.close()
            raise

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    def add(
        self, records: Sequence[NewRecord], *, skip_known_content: bool = False
    ) -> list[Record]:
        """Store records in one transaction and return them; they are on the disk by then.

        With `skip_known_content`, a record whose content hash is stored already is left out of both
        the gallery and the answer. Raises `DuplicateRecord` with every id that is taken, and
        `InvalidRecord` when the feature size is another; in both cases nothing is stored.
        """
        self._check_sizes(records)
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if skip_known_content:
                records = _without_known_content(connection, records)
            _refuse_taken_ids(connection, records)
            first = _last_sequence(connection) + 1
            stored = [
                _with_sequence(new, sequence, now) for sequence, new in enumerate(records, first)
            ]
            connection.executemany(
                "INSERT INTO change (sequence, kind, record_sequence) VALUES (?, 'add', ?)",
                [(record.sequence, record.sequence) for record in stored],
            )
            connection.executemany(_INSERT_RECORD, [encode_record(record) for record in stored])
            connection.executemany(
                "INSERT INTO thumbnail (record_sequence, modality, jpeg) VALUES (?, ?, ?)",
                [
                    (record.sequence, str(modality), jpeg)
                    for record, new in zip(stored, records, strict=True)
                    for modality, jpeg in new.thumbnails.items()
                ],
            )
        return stored

    def delete(self, ids: Iterable[str]) -> int:
        """Delete records with their features and thumbnails; return how many there were."""
        wanted = json.dumps(list(ids))
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT sequence FROM record WHERE id IN (SELECT value FROM json_each(?)) "
                "ORDER BY sequence",
                (wanted,),
            ).fetchall()
            first = _last_sequence(connection) + 1
            connection.executemany(
                "INSERT INTO change (sequence, kind, record_sequence) VALUES (?, 'delete', ?)",
                [(number, row[0]) for number, row in enumerate(found, first)],
            )
            connection.executemany("DELETE FROM record WHERE sequence = ?", found)
        return len(found)

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`."""
        with self._database.reading() as connection:
            row = connection.execute(f"{_SELECT_RECORD} WHERE r.id = ?", (record_id,)).fetchone()
        if row is None:
            raise UnknownRecord(record_id)
        return self._decode(row)

    def by_sequence(self, sequences: Iterable[int]) -> dict[int, Record]:
        """Records by their sequence number; those that do not exist are left out."""
        wanted = json.dumps(list(sequences))
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT_RECORD} WHERE r.sequence IN (SELECT value FROM json_each(?))", (wanted,)
            ).fetchall()
        return {record.sequence: record for record in map(self._decode, rows)}

    def thumbnail(self, record_id: str, modality: Modality) -> bytes | None:
        """The JPEG thumbnail of one modality, None when it has none. Raises `UnknownRecord`."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT t.jpeg FROM record AS r LEFT JOIN thumbnail AS t "
                "ON t.record_sequence = r.sequence AND t.modality = ? WHERE r.id = ?",
                (str(modality), record_id),
            ).fetchone()
        if row is None:
            raise UnknownRecord(record_id)
        return None if row[0] is None else bytes(row[0])

    def known_content(self, hashes: Iterable[str]) -> set[str]:
        """Those of the content hashes that some record carries."""
        with self._database.reading() as connection:
            return _known_content(connection, hashes)

    def count(self) -> int:
        """How many records there are."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])

    def last_sequence(self) -> int:
        """The number of the newest change, 0 when nothing ever changed; cheap enough to poll."""
        with self._database.reading() as connection:
            return _last_sequence(connection)

    def changes_since(self, sequence: int, limit: int = 1024) -> list[Change]:
        """The next changes after a sequence number, oldest first, at most `limit`.

        A damaged record does not raise: it would hide every change after it.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT c.sequence, c.kind, c.record_sequence, "
                f"{', '.join(f'r.{name}' for name in RECORD_COLUMNS)} "
                "FROM change AS c LEFT JOIN record AS r "
                "ON c.kind = 'add' AND r.sequence = c.record_sequence "
                "WHERE c.sequence > ? ORDER BY c.sequence LIMIT ?",
                (sequence, limit),
            ).fetchall()
        return [self._change(row) for row in rows]

    def records_after(self, sequence: int, limit: int) -> list[Record]:
        """The next records after a sequence number, in the order in which they were stored."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT_RECORD} WHERE r.sequence > ? ORDER BY r.sequence LIMIT ?",
                (sequence, limit),
            ).fetchall()
        return [self._decode(row) for row in rows]

    def size_on_disk(self) -> int:
        """Bytes of the database and its write-ahead log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def check(self) -> None:
        """Raise `GalleryDamaged` when the file was deleted or replaced; one look at the disk."""
        self._database.check()

    def close(self) -> None:
        """Close the files; afterwards every call raises `GalleryClosed`."""
        self._database.close()

    def _change(self, row: Sequence[Any]) -> Change:
        sequence, kind, record_sequence, *record = row
        if record[0] is None:
            return Change(sequence, kind, record_sequence, None)
        try:
            return Change(sequence, kind, record_sequence, self._decode(record))
        except GalleryDamaged as error:
            return Change(sequence, kind, record_sequence, None, damage=str(error))

    def _decode(self, row: Sequence[object]) -> Record:
        return decode_record(row, self.facts.feature_size, self.path)

    def _check_sizes(self, records: Iterable[NewRecord]) -> None:
        for record in records:
            if record.features.shape[1] != self.facts.feature_size:
                raise InvalidRecord(
                    f"The features have {record.features.shape[1]} values a modality, and this "
                    "gallery holds "
                    f"{self.facts.feature_size}; embed with the gallery's bundle."
                )


def _prepare(database: Database, wanted: GalleryFacts | None) -> GalleryFacts:
    """Bring the schema up to date; `wanted` is written into a gallery that is new."""
    with database.reading() as connection:
        if schema.version_of(connection, database.path) == schema.SCHEMA_VERSION:
            return schema.read_facts(connection, database.path)
    with database.writing() as connection:
        # Another process may have made or migrated it in between.
        version = schema.version_of(connection, database.path)
        if version < schema.SCHEMA_VERSION:
            schema.migrate(connection, version)
        if version == 0 and wanted is not None:
            schema.write_facts(connection, wanted)
        return schema.read_facts(connection, database.path)


def _with_sequence(new: NewRecord, sequence: int, now: datetime) -> Record:
    return Record(
        sequence=sequence,
        id=make_id() if new.id is None else new.id,
        identity=new.identity,
        camera=new.camera,
        scene=new.scene,
        captured_at=new.captured_at,
        attributes=new.attributes,
        mask=new.mask,
        features=new.features,
        content_hash=new.content_hash,
        source=new.source,
        created_at=now,
    )


def _last_sequence(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(sequence), 0) FROM change").fetchone()[0])


def _known_content(connection: sqlite3.Connection, hashes: Iterable[str]) -> set[str]:
    rows = connection.execute(
        "SELECT content_hash FROM record "
        "WHERE content_hash IN (SELECT value FROM json_each(?)) AND content_hash IS NOT NULL",
        (json.dumps(list(hashes)),),
    ).fetchall()
    return {row[0] for row in rows}


def _without_known_content(
    connection: sqlite3.Connection, records: Sequence[NewRecord]
) -> list[NewRecord]:
    known = _known_content(
        connection, [each.content_hash for each in records if each.content_hash is not None]
    )
    kept = []
    for record in records:
        if record.content_hash is not None:
            if record.content_hash in known:
                continue
            known.add(record.content_hash)
        kept.append(record)
    return kept


def _refuse_taken_ids(connection: sqlite3.Connection, records: Iterable[NewRecord]) -> None:
    ids = [record.id for record in records if record.id is not None]
    rows = connection.execute(
        "SELECT id FROM record WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
    ).fetchall()
    taken = {row[0] for row in rows}
    repeated, seen = [], set(taken)
    for record_id in ids:
        if record_id in seen:
            repeated.append(record_id)
        seen.add(record_id)
    if repeated:
        raise DuplicateRecord(repeated)
