"""What a line of the audit log says of a call stays short whatever the call was."""

import json
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.keys.details import (
    MOST_CHARACTERS,
    MOST_MEMBERS,
    bounded,
    bounded_details,
    image_digests,
)
from vreid.modality import Modality

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3000),
    lambda inner: st.lists(inner, max_size=2 * MOST_MEMBERS) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
LONGEST_MEMBER = 2 * MOST_CHARACTERS + 40
"""A member that is cut is JSON in JSON, where each character takes up to two."""


def test_the_bound_is_reached_by_nested_lists_and_no_further() -> None:
    deep: Any = '"' * 3000
    for _ in range(3):
        deep = [deep] * (2 * MOST_MEMBERS)
    line = json.dumps(bounded_details({"ids": deep}))
    assert MOST_MEMBERS * MOST_CHARACTERS < len(line) < (MOST_MEMBERS + 2) * LONGEST_MEMBER


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["ids", "filter", "k"]), VALUES))
def test_whatever_a_client_sends_makes_a_line_of_bounded_length(details: dict[str, Any]) -> None:
    for value in bounded_details(details).values():
        members = len(value) if isinstance(value, list) else 1
        assert members <= MOST_MEMBERS + 1
        assert len(json.dumps(value)) <= members * LONGEST_MEMBER


def test_a_long_list_is_cut_and_says_by_how_much() -> None:
    told = bounded_details({"ids": [str(number) for number in range(MOST_MEMBERS + 44)]})
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


def test_what_comes_while_the_line_is_written_does_not_break_it() -> None:
    """As from a thread that goes on with a call whose client has gone."""

    class Slow(list[str]):
        def __eq__(self, other: object) -> bool:
            details.setdefault("results", 3)
            return super().__eq__(other)

        __hash__ = None

    details: dict[str, Any] = {"ids": Slow(["a"]), "k": 1}
    assert bounded_details(details) == {"ids": ["a"], "k": 1}
    assert details["results"] == 3


def test_an_image_is_named_by_the_hash_of_its_file() -> None:
    told = image_digests([{Modality.RGB: b"one", Modality.TIR: b"two"}, {Modality.NIR: b"three"}])
    assert told == [
        {"rgb": sha256(b"one").hexdigest(), "tir": sha256(b"two").hexdigest()},
        {"nir": sha256(b"three").hexdigest()},
    ]
