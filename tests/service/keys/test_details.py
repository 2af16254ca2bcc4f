"""What a line of the audit log says of a call stays short whatever the call was."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.keys.details import MOST_MEMBERS, bounded, bounded_details

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3000),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["ids", "filter", "k"]), VALUES))
def test_whatever_a_client_sends_makes_a_line_of_bounded_length(details: dict[str, Any]) -> None:
    line = json.dumps(bounded_details(details))
    # Escaped, a character takes up to twelve.
    assert len(line) <= 2 + len(details) * (MOST_MEMBERS + 1) ** 4 * 13_000


def test_a_long_list_is_cut_and_says_by_how_much() -> None:
    told = bounded_details({"ids": [str(number) for number in range(64)]})
    assert told["ids"][:2] == ["0", "1"]
    assert told["ids"][-1] == "... and 44 more"
    assert len(told["ids"]) == MOST_MEMBERS + 1


def test_a_large_filter_is_cut_and_a_small_one_is_kept() -> None:
    small = {"camera": "north"}
    assert bounded_details({"filter": small})["filter"] == small
    large = bounded_details({"filter": {"camera": ["north" * 100] * 10}})["filter"]
    assert large.endswith("characters)")


def test_what_was_not_asked_for_is_left_out() -> None:
    assert bounded_details({"ids": [], "filter": None, "results": 0}) == {"results": 0}


def test_a_long_text_is_cut_and_says_so() -> None:
    assert bounded("a" * 1024) == "a" * 1024
    assert bounded("a" * 40000) == "a" * 1024 + "... (40000 characters)"
