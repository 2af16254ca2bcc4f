"""Deleting records: with their features, labels and images, also where they lie quarantined."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.gallery.store.database import Database
from service.gallery.store.feed import note_deletions
from service.gallery.store.rows import microseconds
from service.gallery.store.shared_images import CROPS, THUMBNAILS


@dataclass(frozen=True, slots=True)
class Selection:
    """Records by age and labels; None means no condition, and all conditions must hold.

    `seen_before` compares when the vehicle was seen (`captured_at`) or, where that is not known,
    when the record was stored.
    """

    seen_before: datetime | None = None
    cameras: tuple[str, ...] | None = None
    identities: tuple[str, ...] | None = None
    scenes: tuple[str, ...] | None = None
    except_cameras: tuple[str, ...] | None = None

    def condition(self) -> tuple[str, dict[str, object]]:
        """The condition in SQL over the columns of a record, and its parameters."""
        parts, values = ["1"], dict[str, object]()
        if self.seen_before is not None:
            parts.append("coalesce(captured_at, created_at) < :seen_before")
            values["seen_before"] = microseconds(self.seen_before)
        for column, wanted in (
            ("camera", self.cameras),
            ("identity", self.identities),
            ("scene", self.scenes),
        ):
            if wanted is not None:
                parts.append(f"{column} IN (SELECT value FROM json_each(:{column}))")
                values[column] = json.dumps(wanted)
        if self.except_cameras is not None:
            parts.append(
                "(camera IS NULL OR camera NOT IN (SELECT value FROM json_each(:except_cameras)))"
            )
            values["except_cameras"] = json.dumps(self.except_cameras)
        return " AND ".join(parts), values


def selected_numbers(database: Database, selection: Selection, at_once: int) -> Iterator[list[int]]:
    """Sequence numbers of the selected records, and then of the quarantined ones, some at a time.

    They are those of the moment when each of the two is asked for; others may write meanwhile.
    """
    condition, values = selection.condition()
    for table in ("record", "quarantine"):
        with database.reading() as connection:
            cursor = connection.execute(f"SELECT sequence FROM {table} WHERE {condition}", values)
            while rows := cursor.fetchmany(at_once):
                yield [int(row[0]) for row in rows]


def forget_left_out(connection: sqlite3.Connection, ids: Iterable[str]) -> list[str]:
    """Forget that records with these ids were left out of this generation; return which were."""
    rows = connection.execute(
        "DELETE FROM left_out WHERE id IN (SELECT value FROM json_each(?)) RETURNING id",
        (json.dumps(list(ids)),),
    )
    return [str(row[0]) for row in rows.fetchall()]


def delete_by_id(connection: sqlite3.Connection, ids: Iterable[str], now: datetime) -> list[str]:
    """Delete records, quarantined and left out ones too, with these ids; return whose there were.

    One that was left out of this generation is forgotten here, and is deleted where it lies.
    """
    wanted = list(ids)
    named, values = "id IN (SELECT value FROM json_each(:ids))", {"ids": json.dumps(wanted)}
    return forget_left_out(connection, wanted) + _delete(connection, named, values, now)


def delete_by_number(
    connection: sqlite3.Connection, sequences: Iterable[int], now: datetime
) -> list[str]:
    """Delete records and quarantined records by sequence number; return whose there were."""
    wanted = json.dumps(list(sequences))
    condition = "sequence IN (SELECT value FROM json_each(:numbers))"
    return _delete(connection, condition, {"numbers": wanted}, now)


def delete_selected(
    connection: sqlite3.Connection, selection: Selection, limit: int, now: datetime
) -> list[str]:
    """Delete up to `limit` of the selected records, and as many quarantined ones; return whose."""
    condition, values = selection.condition()
    return _delete(connection, f"{condition} LIMIT :limit", {**values, "limit": limit}, now)


def count_selected(connection: sqlite3.Connection, selection: Selection) -> int:
    """How many records, quarantined ones too, are selected."""
    condition, values = selection.condition()
    return sum(
        int(
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE {condition}", values
            ).fetchone()[0]
        )
        for table in ("record", "quarantine")
    )


def _delete(
    connection: sqlite3.Connection, condition: str, values: Mapping[str, object], now: datetime
) -> list[str]:
    records = _found(connection, "record", condition, values)
    quarantined = _found(connection, "quarantine", condition, values)
    note_deletions(connection, [number for number, _ in records], now)
    remove_records(connection, [number for number, _ in (*records, *quarantined)])
    return [record_id for _, record_id in (*records, *quarantined)]


def remove_records(connection: sqlite3.Connection, record_sequences: Sequence[int]) -> None:
    """Remove records, quarantined ones too, and images only they had; the feed does not tell."""
    sequences = json.dumps(list(record_sequences))
    owned = [(images, images.hashes_of(connection, sequences)) for images in (THUMBNAILS, CROPS)]
    for table, column in (
        ("record", "sequence"),
        ("quarantine", "sequence"),
        ("quarantine_picture", "record_sequence"),
        ("quarantine_crop", "record_sequence"),
    ):
        connection.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (sequences,)
        )
    for images, hashes in owned:
        images.remove_unreferenced(connection, hashes)


def _found(
    connection: sqlite3.Connection, table: str, condition: str, values: Mapping[str, object]
) -> list[tuple[int, str]]:
    return connection.execute(
        f"SELECT sequence, id FROM {table} WHERE {condition}", values
    ).fetchall()
