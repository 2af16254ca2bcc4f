"""Thumbnails, each stored once under its SHA-256 however many records show it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping

from vreid.modality import Modality

# A picture is kept as long as a record or a quarantined record shows it.
UNREFERENCED = (
    "NOT EXISTS (SELECT 1 FROM record_picture AS r WHERE r.hash = picture.hash) "
    "AND NOT EXISTS (SELECT 1 FROM quarantine_picture AS q WHERE q.hash = picture.hash)"
)


def hash_picture(jpeg: bytes) -> bytes:
    """The name under which a picture is stored."""
    return hashlib.sha256(jpeg).digest()


def store_pictures(
    connection: sqlite3.Connection, record_sequence: int, thumbnails: Mapping[Modality, bytes]
) -> None:
    """Store a record's thumbnails."""
    named = [(str(modality), hash_picture(jpeg), jpeg) for modality, jpeg in thumbnails.items()]
    connection.executemany(
        "INSERT OR IGNORE INTO picture (hash, jpeg) VALUES (?, ?)",
        [(digest, jpeg) for _, digest, jpeg in named],
    )
    connection.executemany(
        "INSERT INTO record_picture (record_sequence, modality, hash) VALUES (?, ?, ?)",
        [(record_sequence, modality, digest) for modality, digest, _ in named],
    )


def read_picture(
    connection: sqlite3.Connection, record_id: str, modality: Modality
) -> tuple[bytes | None] | None:
    """The thumbnail of a record, (None,) when it has none, None when there is no such record."""
    row = connection.execute(
        "SELECT p.jpeg FROM record AS r LEFT JOIN record_picture AS l "
        "ON l.record_sequence = r.sequence AND l.modality = ? "
        "LEFT JOIN picture AS p ON p.hash = l.hash WHERE r.id = ?",
        (str(modality), record_id),
    ).fetchone()
    return None if row is None else (None if row[0] is None else bytes(row[0]),)


def hashes_shown(connection: sqlite3.Connection, record_sequences: str) -> list[tuple[bytes]]:
    """Hashes of the pictures that records show, now or in quarantine; numbers as a JSON list."""
    return connection.execute(
        "SELECT hash FROM record_picture "
        "WHERE record_sequence IN (SELECT value FROM json_each(:of)) "
        "UNION SELECT hash FROM quarantine_picture "
        "WHERE record_sequence IN (SELECT value FROM json_each(:of))",
        {"of": record_sequences},
    ).fetchall()


def remove_unreferenced(
    connection: sqlite3.Connection, hashes: Iterable[tuple[bytes]] | None = None
) -> int:
    """Remove pictures that nothing shows, out of those hashes or of all; return how many."""
    if hashes is None:
        return connection.execute(f"DELETE FROM picture WHERE {UNREFERENCED}").rowcount
    removed = connection.executemany(
        f"DELETE FROM picture WHERE hash = ? AND {UNREFERENCED}", list(hashes)
    )
    return max(0, removed.rowcount)
