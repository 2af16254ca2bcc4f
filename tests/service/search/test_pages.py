import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gallery.query import Position
from service.request_errors import InvalidRequest
from service.search.pages import (
    PageStart,
    decode_cursor,
    digests_of,
    encode_cursor,
    query_digest,
)

DIGEST = query_digest(b"features", ["filter"], None)

STARTS = st.builds(
    PageStart,
    as_of=st.integers(0, 2**62),
    position=st.builds(Position, st.integers(500, 10_000), st.floats(-2, 1), st.integers(1, 2**62)),
    rank=st.integers(0, 500),
    shown=st.frozensets(st.text(), max_size=5).map(digests_of),
)


@given(start=STARTS)
def test_a_cursor_says_where_the_page_begins_to_the_last_bit(start: PageStart) -> None:
    cursor = encode_cursor(start, DIGEST)
    found = decode_cursor(cursor, DIGEST)
    assert found == start
    assert found.position is not None
    assert start.position is not None
    assert math.copysign(1, found.position.key) == math.copysign(1, start.position.key)
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(start=STARTS, data=st.data())
def test_a_cursor_that_was_changed_or_cut_is_refused(start: PageStart, data: Any) -> None:  # noqa: ANN401
    cursor = encode_cursor(start, DIGEST)
    place = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.characters(exclude_characters=cursor[place], codec="utf-8"))
    for damaged in (cursor[:place] + other + cursor[place + 1 :], cursor[:place]):
        with pytest.raises(InvalidRequest, match="leave the cursor out") as error:
            decode_cursor(damaged, DIGEST)
        assert [problem.field for problem in error.value.problems] == ["cursor"]


@pytest.mark.parametrize("cursor", ["", "x", "=", "100", "AAAA" * 40])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="was not given by a search"):
        decode_cursor(cursor, DIGEST)


@pytest.mark.parametrize(
    "start",
    [
        PageStart(-1, Position(3, 0.5, 2)),
        PageStart(-(2**63), Position(3, 0.5, 2)),
        PageStart(5, Position(-5, 0.5, 2)),
        PageStart(5, Position(3, math.nan, 2)),
        PageStart(5, Position(3, math.inf, 2)),
        PageStart(5, Position(3, -math.inf, 2)),
        PageStart(5, Position(3, 0.5, 2), rank=4),
        PageStart(5, Position(3, 0.5, 2), rank=2**32 - 1),
    ],
)
def test_a_cursor_that_no_search_gives_is_refused_though_its_checksum_is_right(
    start: PageStart,
) -> None:
    with pytest.raises(InvalidRequest, match="was not given by a search") as error:
        decode_cursor(encode_cursor(start, DIGEST), DIGEST)
    assert [problem.field for problem in error.value.problems] == ["cursor"]


def test_a_cursor_of_another_search_is_refused_with_what_has_to_stay() -> None:
    cursor = encode_cursor(PageStart(5, Position(3, 0.5, 2)), DIGEST)
    with pytest.raises(InvalidRequest, match="belongs to another search"):
        decode_cursor(cursor, query_digest(b"features", ["other"], None))


def test_where_one_part_ends_and_the_next_begins_counts() -> None:
    assert query_digest(b"ab", b"c") != query_digest(b"a", b"bc")
    assert query_digest({"a": 1, "b": 2}) == query_digest({"b": 2, "a": 1})
