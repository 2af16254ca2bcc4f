"""Galleries as the first released schema wrote them.

As a program: opens the gallery of its argument with the present code, and says when it is done.
"""

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from service.gallery.record import NewRecord
from service.gallery.store.database import DATABASE_NAME
from service.gallery.store.rows import RECORD_COLUMNS, encode_record
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, stored_record

SCHEMA_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE change (
    sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, record_sequence INTEGER NOT NULL) STRICT;
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, identity TEXT, camera TEXT, scene TEXT,
    captured_at INTEGER, attributes TEXT NOT NULL, mask INTEGER NOT NULL, content_hash TEXT,
    source TEXT NOT NULL, created_at INTEGER NOT NULL, checksum INTEGER NOT NULL,
    features BLOB NOT NULL) STRICT;
CREATE INDEX record_content_hash ON record (content_hash) WHERE content_hash IS NOT NULL;
CREATE TABLE thumbnail (
    record_sequence INTEGER NOT NULL REFERENCES record (sequence) ON DELETE CASCADE,
    modality TEXT NOT NULL, jpeg BLOB NOT NULL, PRIMARY KEY (record_sequence, modality)) STRICT;
PRAGMA application_id = 1987208519;
PRAGMA user_version = 1;
"""


def write_old_gallery(directory: Path, records: Sequence[NewRecord], deleted: int = 0) -> None:
    """Write a gallery of schema 1; the first `deleted` records are added and deleted again."""
    directory.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(directory / DATABASE_NAME)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA_1)
        facts = (
            ("fingerprint", FINGERPRINT),
            ("feature_size", str(FEATURE_SIZE)),
            ("created_at", datetime(2024, 1, 1, tzinfo=UTC).isoformat()),
        )
        connection.executemany("INSERT INTO meta VALUES (?, ?)", facts)
        places = ", ".join("?" for _ in RECORD_COLUMNS)
        for sequence, new in enumerate(records, 1):
            connection.execute("INSERT INTO change VALUES (?, 'add', ?)", (sequence, sequence))
            if sequence <= deleted:
                continue
            row = encode_record(stored_record(sequence, new))
            columns = ", ".join(RECORD_COLUMNS)
            connection.execute(f"INSERT INTO record ({columns}) VALUES ({places})", row)
            connection.executemany(
                "INSERT INTO thumbnail VALUES (?, ?, ?)",
                [(sequence, str(modality), jpeg) for modality, jpeg in new.thumbnails.items()],
            )
        for number in range(1, deleted + 1):
            connection.execute(
                "INSERT INTO change VALUES (?, 'delete', ?)", (len(records) + number, number)
            )
        connection.commit()


def main(directory: str) -> None:
    print("opening", flush=True)
    GalleryStore.open(Path(directory), FINGERPRINT, FEATURE_SIZE).close()
    print("open", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
