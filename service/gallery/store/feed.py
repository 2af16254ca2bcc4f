"""The feed of changes: how whoever holds a copy of the gallery learns what became of it.

An addition is the record itself: it carries the number of its change. A deletion is an entry that
is forgotten after FEED_KEPT. No reader announces itself; instead the `floor` says up to which
number deletions have been forgotten, and a reader that stands below it is told to compare what it
holds with what there is (`missing_sequences`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from service.gallery.record import Record
from service.gallery.store.rows import RECORD_COLUMNS, microseconds

FEED_KEPT = timedelta(days=1)

# Forgotten in one transaction at most, so that a delete never takes long because of older ones.
_FORGOTTEN_AT_ONCE = 4096

_RECORDS_AFTER = (
    f"SELECT {', '.join(RECORD_COLUMNS)} FROM record WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
_DELETIONS_AFTER = (
    "SELECT sequence, record_sequence FROM deletion WHERE sequence > ? ORDER BY sequence LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the feed: a record was added or deleted.

    `record` is the added record, None for a deletion. `damage` says why the added record cannot be
    read, if it cannot; `record` is None then too.
    """

    sequence: int
    kind: Literal["add", "delete"]
    record_sequence: int
    record: Record | None
    damage: str | None = None


def last_sequence(connection: sqlite3.Connection) -> int:
    """The number of the newest change, 0 when nothing ever changed."""
    query = (
        "SELECT max(coalesce((SELECT max(sequence) FROM record), 0), "
        "coalesce((SELECT max(sequence) FROM deletion), 0), "
        "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'feed_floor'))"
    )
    return int(connection.execute(query).fetchone()[0])


def feed_floor(connection: sqlite3.Connection) -> int:
    """Up to which number deletions have been forgotten."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'feed_floor'").fetchone()
    return int(row[0])


def rows_after(
    connection: sqlite3.Connection, sequence: int, limit: int
) -> tuple[list[tuple[object, ...]], list[tuple[int, int]]]:
    """The next rows of records and deletions; together at most `limit` changes, the oldest."""
    records = connection.execute(_RECORDS_AFTER, (sequence, limit)).fetchall()
    deletions = connection.execute(_DELETIONS_AFTER, (sequence, limit)).fetchall()
    numbers = sorted([row[0] for row in records] + [row[0] for row in deletions])
    last = numbers[min(limit, len(numbers)) - 1] if numbers else sequence
    return (
        [row for row in records if row[0] <= last],
        [row for row in deletions if row[0] <= last],
    )


def deleted_records_after(connection: sqlite3.Connection, sequence: int) -> list[int]:
    """The numbers of the records whose deletions come after a sequence number."""
    rows = connection.execute(
        "SELECT record_sequence FROM deletion WHERE sequence > ?", (sequence,)
    )
    return [int(row[0]) for row in rows]


def note_deletions(
    connection: sqlite3.Connection, record_sequences: Iterable[int], now: datetime
) -> None:
    """Enter deletions into the feed, and forget those that are older than FEED_KEPT."""
    first = last_sequence(connection) + 1
    connection.executemany(
        "INSERT INTO deletion (sequence, record_sequence, deleted_at) VALUES (?, ?, ?)",
        [
            (number, sequence, microseconds(now))
            for number, sequence in enumerate(record_sequences, first)
        ],
    )
    forget_deletions(connection, now - FEED_KEPT)


def forget_deletions(connection: sqlite3.Connection, before: datetime) -> None:
    """Forget the oldest deletions, as far as they were entered before a time."""
    (floor,) = connection.execute(
        "SELECT max(sequence) FROM (SELECT sequence, deleted_at FROM deletion "
        "ORDER BY sequence LIMIT ?) WHERE deleted_at < ?",
        (_FORGOTTEN_AT_ONCE, microseconds(before)),
    ).fetchone()
    if floor is not None:
        connection.execute("DELETE FROM deletion WHERE sequence <= ?", (floor,))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'feed_floor'", (str(floor),))


def missing_sequences(connection: sqlite3.Connection, held: Iterable[int]) -> list[int]:
    """Those of the records' numbers that no record has any more."""
    return [
        int(row[0])
        for row in connection.execute(
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT sequence FROM record)",
            (json.dumps(list(held)),),
        )
    ]
