"""The tables of a gallery's database, and how an older one is brought up to date.

Every change has a number: `change.sequence`. A record's own `sequence` is the number of the
change that stored it, and numbers are never used twice, so whoever follows the feed sees each
change exactly once and in the order in which it was committed (there is one writer at a time).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.errors import GalleryDamaged, GalleryUnsupported

# "vreG" as a 32-bit integer: tells a gallery from any other SQLite file.
APPLICATION_ID = 0x76726547

_FIRST = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE change (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,               -- 'add' or 'delete'
    record_sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE record (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    identity TEXT,
    camera TEXT,
    scene TEXT,
    captured_at INTEGER,              -- microseconds since 1970-01-01T00:00:00Z
    attributes TEXT NOT NULL,         -- a JSON object
    mask INTEGER NOT NULL,            -- bit 0 RGB, bit 1 NIR, bit 2 TIR
    content_hash TEXT,
    source TEXT NOT NULL,             -- a JSON object: modality -> path
    created_at INTEGER NOT NULL,      -- microseconds
    checksum INTEGER NOT NULL,        -- CRC-32 of features
    features BLOB NOT NULL            -- float16 little endian, only the rows that mask names
) STRICT;

CREATE INDEX record_content_hash ON record (content_hash) WHERE content_hash IS NOT NULL;

CREATE TABLE thumbnail (
    record_sequence INTEGER NOT NULL REFERENCES record (sequence) ON DELETE CASCADE,
    modality TEXT NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (record_sequence, modality)
) STRICT;
"""

# Step i brings a database from version i to version i + 1.
MIGRATIONS: tuple[str, ...] = (_FIRST,)
SCHEMA_VERSION = len(MIGRATIONS)


@dataclass(frozen=True, slots=True)
class GalleryFacts:
    """What a gallery was made for: the model's fingerprint, its feature size D, and when."""

    fingerprint: str
    feature_size: int
    created_at: datetime


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version, 0 for an empty file. Raises when the file is not such a gallery."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if version == 0 and application == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise GalleryDamaged(
            f"{path} is an SQLite database but not a vreid gallery; name another directory."
        )
    if version > SCHEMA_VERSION:
        raise GalleryUnsupported(
            f"{path} has gallery schema {version}, and this vreid knows up to {SCHEMA_VERSION}; "
            "install the newer vreid that wrote it."
        )
    return version


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables up to SCHEMA_VERSION inside the transaction that the caller has begun."""
    for step in MIGRATIONS[version:]:
        # executescript() would commit the caller's transaction.
        for statement in _statements(step):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def write_facts(connection: sqlite3.Connection, facts: GalleryFacts) -> None:
    """Record what the gallery is made for."""
    connection.executemany(
        "INSERT INTO meta (key, value) VALUES (?, ?)",
        [
            ("fingerprint", facts.fingerprint),
            ("feature_size", str(facts.feature_size)),
            ("created_at", facts.created_at.astimezone(UTC).isoformat()),
        ],
    )


def read_facts(connection: sqlite3.Connection, path: Path) -> GalleryFacts:
    """What the gallery was made for. Raises `GalleryDamaged` when that is missing."""
    values = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    try:
        return GalleryFacts(
            fingerprint=values["fingerprint"],
            feature_size=int(values["feature_size"]),
            created_at=datetime.fromisoformat(values["created_at"]),
        )
    except (KeyError, ValueError) as error:
        raise GalleryDamaged(
            f"{path} does not say which model it was made with ({error}); restore it from a backup."
        ) from error


def _statements(script: str) -> list[str]:
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
