"""What lies in a generation that is not served, and not in the one that is served."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from service.gallery.store.database import Database

_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class OnlyThere:
    """How many records, and how many quarantined ones, the served generation does not have."""

    records: int
    quarantined: int


def numbers_only_there(
    served: Database, other: Database, sequences: Sequence[int]
) -> tuple[list[int], list[str]]:
    """Those of the records of another generation whose ids the served one has no more.

    They may be quarantined, here or there. Returns their numbers and their ids.
    """
    with other.reading() as connection:
        rows = connection.execute(
            "SELECT sequence, id FROM record WHERE sequence IN (SELECT value FROM json_each(:of)) "
            "UNION ALL SELECT sequence, id FROM quarantine "
            "WHERE sequence IN (SELECT value FROM json_each(:of))",
            {"of": json.dumps(list(sequences))},
        ).fetchall()
    with served.reading() as connection:
        here = _held(connection, "record", (row[1] for row in rows))
        here |= _held(connection, "quarantine", (row[1] for row in rows))
    found = [row for row in rows if row[1] not in here]
    return [int(row[0]) for row in found], [str(row[1]) for row in found]


def count_only_there(served: Database, other: Database) -> OnlyThere:
    """Count what would be lost with another generation.

    A record that can be read there counts although it lies quarantined in the served generation.
    """
    with served.reading() as here:
        records = sum(
            len(ids) - len(_held(here, "record", ids)) for ids in _all_ids(other, "record")
        )
        quarantined = sum(
            len(set(ids) - _held(here, "record", ids) - _held(here, "quarantine", ids))
            for ids in _all_ids(other, "quarantine")
        )
    return OnlyThere(records, quarantined)


def _all_ids(database: Database, table: str) -> Iterator[list[str]]:
    with database.reading() as connection:
        cursor = connection.execute(f"SELECT id FROM {table}")
        while rows := cursor.fetchmany(_AT_ONCE):
            yield [str(row[0]) for row in rows]


def _held(connection: sqlite3.Connection, table: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that a table has."""
    rows = connection.execute(
        f"SELECT id FROM {table} WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {str(row[0]) for row in rows}
