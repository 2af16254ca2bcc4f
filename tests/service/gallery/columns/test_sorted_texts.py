import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gallery.columns.sorted_texts import Texts, distinct

# Long common beginnings, empty texts, NUL bytes and every plane of Unicode.
texts = st.lists(
    st.builds(
        lambda start, text: start * 5 + text,
        st.sampled_from(["", "ab", "\0"]),
        st.text(alphabet="ab\0é\uffff𝄞", max_size=12),
    ),
    max_size=20,
)


@given(texts)
def test_distinct_texts_are_sorted_as_python_sorts_them(given_texts: list[str]) -> None:
    found, positions, first = distinct(Texts.of(given_texts))
    assert [found.text(index) for index in range(len(found))] == sorted(set(given_texts))
    assert [found.text(position) for position in positions] == given_texts
    assert [given_texts[index] for index in first] == sorted(set(given_texts))


@given(st.lists(st.tuples(st.integers(0, 2), st.text("ab", max_size=10)), max_size=20))
def test_texts_of_groups_are_sorted_within_their_group(pairs: list[tuple[int, str]]) -> None:
    groups = np.array([group for group, _ in pairs], np.int64)
    found, _, first = distinct(Texts.of([text for _, text in pairs]), groups)
    assert [(int(group), found.text(index)) for index, group in enumerate(groups[first])] == sorted(
        set(pairs)
    )


@given(texts, st.text(alphabet="ab\0é\uffff𝄞", max_size=12))
def test_a_text_is_found_where_it_lies_and_nowhere_else(held: list[str], wanted: str) -> None:
    ordered = sorted(set(held))
    found = Texts.of(ordered)
    for text in (*ordered, wanted):
        assert found.position(text) == (ordered.index(text) if text in ordered else None)
        below = sum(each < text for each in ordered)
        assert found.first_from(text, 0, len(found)) == below
        through = below + (text in ordered)
        assert found.first_from(text, 0, len(found), after=True) == through


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_texts_are_taken_in_any_order(count: int) -> None:
    held = [f"text {number}" * (number % 3) for number in range(count)]
    order = np.random.default_rng(0).permutation(count)
    taken = Texts.of(held).taken(order)
    assert [taken.text(index) for index in range(len(taken))] == [held[index] for index in order]


def test_text_that_is_not_valid_unicode_is_looked_for_and_not_found() -> None:
    assert Texts.of(["a", "\ud7ff", "\ue000"]).position("\ud800") is None
