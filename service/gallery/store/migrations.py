"""The steps that bring a gallery's tables from one schema version to the next, in order.

A step that has been released is never edited: galleries that went through it exist.

Every change has a number. A record's own `sequence` is the number of the change that stored it, a
deletion has one of its own, and numbers are never used twice, so whoever follows the feed sees
the changes in the order in which they were committed (there is one writer at a time).
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import TypeAlias

# Runs inside a transaction that the caller has begun and will commit.
Step: TypeAlias = Callable[[sqlite3.Connection], None]

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

# Rows of `picture` are found by a hash and lie in the order of storing: pages that are filled in
# a random order are split, and a split leaves copies in the unused part of a page.
_SECOND = """
CREATE TABLE picture (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,        -- SHA-256 of jpeg
    jpeg BLOB NOT NULL
) STRICT;

INSERT OR IGNORE INTO picture (hash, jpeg)
    SELECT sha256(jpeg), jpeg FROM thumbnail ORDER BY record_sequence, modality;

CREATE TABLE record_picture (
    record_sequence INTEGER NOT NULL
        REFERENCES record (sequence) ON DELETE CASCADE ON UPDATE CASCADE,
    modality TEXT NOT NULL,
    hash BLOB NOT NULL REFERENCES picture (hash),
    PRIMARY KEY (record_sequence, modality)
) STRICT, WITHOUT ROWID;

INSERT INTO record_picture (record_sequence, modality, hash)
    SELECT record_sequence, modality, sha256(jpeg) FROM thumbnail
    ORDER BY record_sequence, modality;

CREATE INDEX record_picture_hash ON record_picture (hash);

DROP TABLE thumbnail;

CREATE TABLE record_images (
    record_sequence INTEGER PRIMARY KEY
        REFERENCES record (sequence) ON DELETE CASCADE ON UPDATE CASCADE,
    hash TEXT NOT NULL                -- SHA-256 of the original images, whatever their labels
) STRICT;

CREATE INDEX record_images_hash ON record_images (hash);

CREATE INDEX record_seen_at ON record (coalesce(captured_at, created_at));

CREATE TABLE deletion (
    sequence INTEGER PRIMARY KEY,
    record_sequence INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL       -- microseconds
) STRICT;

INSERT INTO deletion (sequence, record_sequence, deleted_at)
    SELECT sequence, record_sequence, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
    FROM change WHERE kind = 'delete' ORDER BY sequence;

DROP TABLE change;

-- Every deletion up to this number has been forgotten.
INSERT INTO meta (key, value) VALUES ('feed_floor', '0');

CREATE TABLE quarantine (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    identity TEXT,
    camera TEXT,
    scene TEXT,
    captured_at INTEGER,
    attributes TEXT NOT NULL,
    mask INTEGER NOT NULL,
    content_hash TEXT,
    source TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    features BLOB NOT NULL,
    reason TEXT NOT NULL,
    quarantined_at INTEGER NOT NULL   -- microseconds
) STRICT;

CREATE TABLE quarantine_picture (
    record_sequence INTEGER NOT NULL,
    modality TEXT NOT NULL,
    hash BLOB NOT NULL REFERENCES picture (hash),
    reason TEXT NOT NULL,
    PRIMARY KEY (record_sequence, modality)
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_picture_hash ON quarantine_picture (hash);
"""

# The index has everything of a record but its features: who loads a gallery reads it in place of
# the records, whose features would have to be skipped page by page.
_THIRD = """
CREATE INDEX record_columns ON record (
    sequence, checksum, mask, captured_at, identity, camera, scene, attributes
);

-- Tells this gallery from every other one, and from itself before it was restored.
INSERT INTO meta (key, value) VALUES ('gallery_id', lower(hex(randomblob(16))));
"""

# `crop` lies as `picture` does. `left_out` is what `vreid reindex` could not embed again: it is
# in the generation before this one and comes back when that one is served again.
_FOURTH = """
CREATE TABLE crop (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,        -- SHA-256 of image
    image BLOB NOT NULL               -- the encoded file as it was sent
) STRICT;

CREATE TABLE record_crop (
    record_sequence INTEGER NOT NULL
        REFERENCES record (sequence) ON DELETE CASCADE ON UPDATE CASCADE,
    modality TEXT NOT NULL,
    hash BLOB NOT NULL REFERENCES crop (hash),
    palette TEXT,                     -- the false colours that a thermal image was said to have
    PRIMARY KEY (record_sequence, modality)
) STRICT, WITHOUT ROWID;

CREATE INDEX record_crop_hash ON record_crop (hash);

CREATE TABLE quarantine_crop (
    record_sequence INTEGER NOT NULL,
    modality TEXT NOT NULL,
    hash BLOB NOT NULL REFERENCES crop (hash),
    palette TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (record_sequence, modality)
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_crop_hash ON quarantine_crop (hash);

CREATE TABLE left_out (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL
) STRICT;
"""


def _script(text: str) -> Step:
    def step(connection: sqlite3.Connection) -> None:
        connection.create_function("sha256", 1, _sha256, deterministic=True)
        # executescript() would commit the caller's transaction.
        for statement in _statements(text):
            connection.execute(statement)

    return step


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _statements(script: str) -> list[str]:
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


# Step i brings a database from version i to version i + 1.
STEPS: tuple[Step, ...] = tuple(map(_script, (_FIRST, _SECOND, _THIRD, _FOURTH)))
