"""Where damaged records, thumbnails and crops are kept with the reason, until deleted by id."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from service.gallery.store.feed import note_deletions
from service.gallery.store.rows import RECORD_COLUMNS, microseconds
from vreid.modality import Modality

_COLUMNS = ", ".join(RECORD_COLUMNS)


def quarantine_record(
    connection: sqlite3.Connection, sequence: int, reason: str, now: datetime
) -> None:
    """Move a record, byte for byte, with its thumbnails; followers see it deleted."""
    # What is damaged is copied inside SQLite: Python could not write it back as it is.
    connection.execute(
        f"INSERT INTO quarantine ({_COLUMNS}, reason, quarantined_at) "
        f"SELECT {_COLUMNS}, ?, ? FROM record WHERE sequence = ?",
        (_plain(reason), microseconds(now), sequence),
    )
    connection.execute(
        "INSERT OR REPLACE INTO quarantine_picture (record_sequence, modality, hash, reason) "
        "SELECT record_sequence, modality, hash, 'its record is in quarantine' "
        "FROM record_picture WHERE record_sequence = ?",
        (sequence,),
    )
    connection.execute(
        "INSERT OR REPLACE INTO quarantine_crop (record_sequence, modality, hash, palette, reason) "
        "SELECT record_sequence, modality, hash, palette, 'its record is in quarantine' "
        "FROM record_crop WHERE record_sequence = ?",
        (sequence,),
    )
    note_deletions(connection, [sequence], now)
    connection.execute("DELETE FROM record WHERE sequence = ?", (sequence,))


def quarantine_picture(
    connection: sqlite3.Connection, sequence: int, modality: Modality, reason: str
) -> None:
    """Move one thumbnail of a record; the record is shown without it from now on."""
    connection.execute(
        "INSERT OR REPLACE INTO quarantine_picture (record_sequence, modality, hash, reason) "
        "SELECT record_sequence, modality, hash, ? FROM record_picture "
        "WHERE record_sequence = ? AND modality = ?",
        (reason, sequence, str(modality)),
    )
    connection.execute(
        "DELETE FROM record_picture WHERE record_sequence = ? AND modality = ?",
        (sequence, str(modality)),
    )


def quarantine_crop(
    connection: sqlite3.Connection, sequence: int, modality: Modality, reason: str
) -> None:
    """Move one kept image of a record; from now on the record cannot be embedded from it."""
    connection.execute(
        "INSERT OR REPLACE INTO quarantine_crop (record_sequence, modality, hash, palette, reason) "
        "SELECT record_sequence, modality, hash, palette, ? FROM record_crop "
        "WHERE record_sequence = ? AND modality = ?",
        (reason, sequence, str(modality)),
    )
    connection.execute(
        "DELETE FROM record_crop WHERE record_sequence = ? AND modality = ?",
        (sequence, str(modality)),
    )


def _plain(text: str) -> str:
    """Text that can be stored although it quotes damaged text."""
    return text.encode(errors="backslashreplace").decode()
