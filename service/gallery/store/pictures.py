"""Thumbnails of records."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from service.gallery.store.shared_images import hash_image
from vreid.modality import Modality


def store_pictures(
    connection: sqlite3.Connection, record_sequence: int, thumbnails: Mapping[Modality, bytes]
) -> None:
    """Store a record's thumbnails."""
    named = [(str(modality), hash_image(jpeg), jpeg) for modality, jpeg in thumbnails.items()]
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
