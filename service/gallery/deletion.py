"""Deleting records: with their features, labels and thumbnails, also where they lie quarantined."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.gallery.feed import note_deletions
from service.gallery.pictures import hashes_shown, remove_unreferenced
from service.gallery.rows import microseconds


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


def delete_by_id(connection: sqlite3.Connection, ids: Iterable[str], now: datetime) -> int:
    """Delete records and quarantined records with these ids; return how many there were."""
    wanted = json.dumps(list(ids))
    return _delete(connection, "id IN (SELECT value FROM json_each(:ids))", {"ids": wanted}, now)


def delete_selected(
    connection: sqlite3.Connection, selection: Selection, limit: int, now: datetime
) -> int:
    """Delete up to `limit` of the selected records, and as many quarantined ones."""
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
    connection: sqlite3.Connection, condition: str, values: dict[str, object], now: datetime
) -> int:
    records = _sequences(connection, "record", condition, values)
    quarantined = _sequences(connection, "quarantine", condition, values)
    sequences = json.dumps([*records, *quarantined])
    pictures = hashes_shown(connection, sequences)
    note_deletions(connection, records, now)
    for table, column in (
        ("record", "sequence"),
        ("quarantine", "sequence"),
        ("quarantine_picture", "record_sequence"),
    ):
        connection.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (sequences,)
        )
    remove_unreferenced(connection, pictures)
    return len(records) + len(quarantined)


def _sequences(
    connection: sqlite3.Connection, table: str, condition: str, values: dict[str, object]
) -> Sequence[int]:
    rows = connection.execute(f"SELECT sequence FROM {table} WHERE {condition}", values).fetchall()
    return [int(row[0]) for row in rows]
