from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.gallery.gallery import Match
from service.search.grouping import Grouping, Judged
from service.search.pages import digests_of
from tests.service.search.matches import matched

FOUND = matched(1)
NAMES = st.none() | st.sampled_from("abcd")


def match(number: int, identity: str | None) -> Match:
    assert FOUND is not None
    return replace(FOUND, record=replace(FOUND.record, id=str(number), identity=identity))


def grouped(
    names: list[str | None], count: int, size: int, shown: frozenset[bytes] = frozenset()
) -> list[tuple[str | None, list[str], int]]:
    grouping = Grouping(count, size, by_identity=True, shown=shown)
    for number, name in enumerate(names):
        grouping.add(Judged(match(number, name), True))
    return [
        (group.identity, [each.match.record.id for each in group.samples], group.found)
        for group in grouping.groups
    ]


@given(names=st.lists(NAMES, max_size=20), count=st.integers(1, 6), size=st.integers(1, 4))
def test_groups_are_those_of_a_dictionary(names: list[str | None], count: int, size: int) -> None:
    expected: dict[str, list[str]] = {}
    for number, name in enumerate(names):
        expected.setdefault(name or f"alone {number}", []).append(str(number))
    assert grouped(names, count, size) == [
        (None if name.startswith("alone") else name, members[:size], len(members))
        for name, members in list(expected.items())[:count]
    ]


def test_a_group_too_many_is_told_and_members_of_open_groups_still_count() -> None:
    grouping = Grouping(1, 1, by_identity=True)
    assert grouping.add(Judged(match(1, "a"), True))
    assert not grouping.add(Judged(match(2, "b"), True))
    assert not grouping.add(Judged(match(3, None), True))
    assert grouping.add(Judged(match(4, "a"), True))
    assert grouping.groups[0].found == 2


def test_an_identity_of_another_page_is_no_group_again() -> None:
    shown = digests_of(["a", None])
    assert grouped(["a", "b", "a", None], 5, 5, shown) == [("b", ["1"], 1), (None, ["3"], 1)]


def test_without_grouping_every_record_is_a_result() -> None:
    grouping = Grouping(2, 1, by_identity=False)
    assert grouping.add(Judged(match(1, "a"), True))
    assert grouping.add(Judged(match(2, "a"), True))
    assert not grouping.add(Judged(match(3, "a"), True))
    assert [group.identity for group in grouping.groups] == [None, None]
