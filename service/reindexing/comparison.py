"""Records of two generations side by side, in the order of their numbers, a few at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TypeAlias

_SELECT = "SELECT sequence, id FROM record ORDER BY sequence"
_AT_ONCE = 4096

Pair: TypeAlias = tuple[int, str | None, str | None]
"""A number, the id of its record in one generation, and in the other; None where it has none."""


def side_by_side(one: sqlite3.Connection, other: sqlite3.Connection) -> Iterator[Pair]:
    """Every number that either generation has, ascending.

    Each is read in one statement: it is what it is when the first pair is asked for, or when a
    transaction of its connection began.
    """
    left, right = _records(one), _records(other)
    here, there = next(left, None), next(right, None)
    while here is not None or there is not None:
        if there is None or (here is not None and here[0] < there[0]):
            assert here is not None
            yield here[0], here[1], None
            here = next(left, None)
        elif here is None or there[0] < here[0]:
            yield there[0], None, there[1]
            there = next(right, None)
        else:
            yield here[0], here[1], there[1]
            here, there = next(left, None), next(right, None)


def _records(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    cursor = connection.execute(_SELECT)
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows
