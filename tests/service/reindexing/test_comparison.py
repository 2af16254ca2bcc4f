"""Two generations side by side, in bounded memory."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from service.reindexing.comparison import side_by_side

RECORDS = st.dictionaries(st.integers(1, 40), st.sampled_from("abc"))


def database(records: Mapping[int, str]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE record (sequence INTEGER PRIMARY KEY, id TEXT)")
    connection.executemany("INSERT INTO record VALUES (?, ?)", records.items())
    return connection


@given(RECORDS, RECORDS)
def test_every_number_comes_once_with_what_each_has(
    one: dict[int, str], other: dict[int, str]
) -> None:
    with closing(database(one)) as left, closing(database(other)) as right:
        pairs = list(side_by_side(left, right))
    assert pairs == [(n, one.get(n), other.get(n)) for n in sorted(one.keys() | other.keys())]
