"""Beginning to delete records only where they are as many as was agreed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from service.errors import UnexpectedCount
from service.gallery.store.database import Database
from service.gallery.store.deletion import delete_by_number
from service.gallery.store.feed import last_sequence

# Beside writers that give it no rest, the last count is made while they wait.
_COUNTS_BESIDE_WRITERS = 3


def delete_first(
    database: Database, find: Callable[[], Iterable[Sequence[int]]], expected: int, at_once: int
) -> tuple[list[str], list[int]]:
    """Delete the first `at_once` of `expected` records.

    Args:
        database: of the records.
        find: their sequence numbers, found anew by each call.
        expected: how many there have to be.
        at_once: how many are deleted.

    Returns:
        Whose records are deleted, and the numbers of the others.

    Raises:
        UnexpectedCount: it is another number as they are to be deleted; none is.
    """
    for _ in range(_COUNTS_BESIDE_WRITERS):
        # Finding them takes a while in a large gallery: nobody waits for it as long as nothing
        # changes meanwhile.
        with database.reading() as connection:
            before = _moment(connection)
        numbers = _found(find)
        # Not a transaction that others share, who would not see what is written beside them.
        with database.writing() as connection:
            if _moment(connection) == before:
                return _delete_expected(connection, numbers, expected, at_once)
    with database.writing() as connection:
        return _delete_expected(connection, _found(find), expected, at_once)


def _moment(connection: sqlite3.Connection) -> tuple[int, int]:
    """What is another once any record was added, corrected or deleted.

    The feed does not tell when a quarantined record is deleted, and does when there is one more.
    """
    (quarantined,) = connection.execute("SELECT count(*) FROM quarantine").fetchone()
    return last_sequence(connection), int(quarantined)


def _found(find: Callable[[], Iterable[Sequence[int]]]) -> list[int]:
    return [number for batch in find() for number in batch]


def _delete_expected(
    connection: sqlite3.Connection, numbers: Sequence[int], expected: int, at_once: int
) -> tuple[list[str], list[int]]:
    if len(numbers) != expected:
        raise UnexpectedCount(expected, len(numbers))
    now = datetime.now(UTC)
    return delete_by_number(connection, numbers[:at_once], now), [*numbers[at_once:]]
