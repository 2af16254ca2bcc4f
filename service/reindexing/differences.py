"""What one generation has and another has not, by the records' numbers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.gallery.store.feed import feed_floor, last_sequence
from service.gallery.store.store import GalleryStore
from service.reindexing.comparison import side_by_side


@dataclass(frozen=True, slots=True)
class Differences:
    """What has to be done so that the target has what the served generation has.

    `missing` are numbers of records to bring, ascending, `gone` those of records to remove. A
    record that was given other labels has another number since: `moved` maps the one that the
    target knows to the one that is missing. `position` is the change up to which this is so.
    """

    missing: tuple[int, ...]
    gone: frozenset[int]
    moved: Mapping[int, int]
    position: int


def differences(served: GalleryStore, target: GalleryStore, since: int | None) -> Differences:
    """Compare two generations; with `since`, look only at changes after that one.

    What was quarantined in the served generation or left out of it is not gone: nobody deleted it.
    """
    with served.database.reading() as connection, target.database.reading() as other:
        connection.execute("BEGIN")
        position = last_sequence(connection)
        if since is None or since < feed_floor(connection):
            missing, gone = set[int](), set[int]()
            for number, here, there in side_by_side(connection, other):
                if there is None:
                    missing.add(number)
                elif here is None:
                    gone.add(number)
        else:
            added = numbers(connection, "SELECT sequence FROM record WHERE sequence > ?", since)
            deleted = deleted_since(connection, since)
            missing, gone = added - held_of(other, added), held_of(other, deleted)
        gone -= set_aside(connection)
        ids = _ids(other, gone)
        stays = _numbers_of(connection, ids.values())
        connection.execute("COMMIT")
    moved = {number: stays[record_id] for number, record_id in ids.items() if record_id in stays}
    return Differences(tuple(sorted(missing)), frozenset(gone - moved.keys()), moved, position)


def set_aside(connection: sqlite3.Connection) -> set[int]:
    """Numbers of records that this generation does not show and that nobody deleted."""
    return numbers(
        connection, "SELECT sequence FROM quarantine UNION SELECT sequence FROM left_out"
    )


def deleted_since(connection: sqlite3.Connection, position: int) -> set[int]:
    """Numbers of the records that were deleted after a change, as far as the feed still knows."""
    return numbers(connection, "SELECT record_sequence FROM deletion WHERE sequence > ?", position)


def explained(connection: sqlite3.Connection, sequences: Iterable[int], position: int) -> set[int]:
    """Those of the numbers that were set aside, or deleted after a change: no record has them."""
    return numbers(
        connection,
        "WITH asked AS (SELECT value FROM json_each(?)) "
        "SELECT sequence FROM quarantine WHERE sequence IN asked "
        "UNION SELECT sequence FROM left_out WHERE sequence IN asked "
        "UNION SELECT record_sequence FROM deletion "
        "WHERE sequence > ? AND record_sequence IN asked",
        json.dumps(list(sequences)),
        position,
    )


def numbers(connection: sqlite3.Connection, query: str, *parameters: object) -> set[int]:
    """The first column of every row, as integers."""
    return {int(row[0]) for row in connection.execute(query, parameters)}


def held_of(connection: sqlite3.Connection, sequences: Iterable[int]) -> set[int]:
    """Those of the numbers that are records'."""
    return numbers(
        connection,
        "SELECT sequence FROM record WHERE sequence IN (SELECT value FROM json_each(?))",
        json.dumps(list(sequences)),
    )


def _ids(connection: sqlite3.Connection, sequences: Iterable[int]) -> dict[int, str]:
    return dict(
        connection.execute(
            "SELECT sequence, id FROM record WHERE sequence IN (SELECT value FROM json_each(?))",
            (json.dumps(list(sequences)),),
        ).fetchall()
    )


def _numbers_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, int]:
    return dict(
        connection.execute(
            "SELECT id, sequence FROM record WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        ).fetchall()
    )
