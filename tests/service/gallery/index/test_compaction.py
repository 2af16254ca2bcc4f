"""Sealing and merging change neither what is found nor how it is ranked."""

import threading
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gallery.columns.columns import RecordRows
from service.gallery.files.segment_writer import SegmentWriter
from service.gallery.index import index as index_module
from service.gallery.index.compaction import Limits, Task, _similar, carried_out, choose
from service.gallery.index.index import SearchIndex
from service.gallery.index.parts import Part
from service.gallery.index.sealed_segment import SealedSegment
from service.gallery.index.tail import TailView
from service.gallery.query import Query
from service.gallery.record import Record
from tests.service.gallery.builders import (
    FEATURE_SIZE,
    MASKS,
    addition,
    deletion,
    new_record,
    random_features,
    stored_record,
)

RECORDS = [
    stored_record(
        number,
        new_record(
            number,
            MASKS[number % 7],
            identity=f"v{number % 5}",
            attributes={"colour": ("red", "white")[number % 2], "speed": number},
        ),
    )
    for number in range(1, 201)
]
QUERY = Query(random_features(np.random.default_rng(1)), np.ones(3, np.bool_))


class FakePart:
    """What decides about merging: how large a part is, and whether it is sealed."""

    def __init__(self, size: int, dead: int = 0, *, is_sealed: bool) -> None:
        self.size = size
        self.dead = dead
        kind = SealedSegment if is_sealed else TailView
        self.rows = kind.__new__(kind)


def small_index(seal_rows: int = 8, merge_factor: int = 8, largest_rows: int = 1024) -> SearchIndex:
    return SearchIndex(
        FEATURE_SIZE,
        exact_rows=0,
        tail_rows=2,
        seal_rows=seal_rows,
        merge_factor=merge_factor,
        largest_rows=largest_rows,
        coded_rows=4,
    )


def add(index: SearchIndex, records: Sequence[Record]) -> None:
    for first in range(0, len(records), 8):
        index.apply([addition(record) for record in records[first : first + 8]])


def found(index: SearchIndex) -> list[tuple[int, float]]:
    return [(hit.sequence, hit.score) for hit in index.search(QUERY, 500, "shared", None)]


def sizes(index: SearchIndex) -> list[int]:
    return [part.size for part in index.sealed_parts()]


def test_full_tails_that_piled_up_become_one_segment() -> None:
    index = small_index()
    add(index, RECORDS[:60])
    before = found(index)
    assert index.step()
    assert not index.step()
    assert sizes(index) == [56]
    assert index.facts().tail_rows == 4
    assert found(index) == before


def test_segments_stay_few_and_no_larger_than_allowed() -> None:
    index = small_index(merge_factor=2, largest_rows=64)
    expected = small_index(seal_rows=1000)
    for first in range(0, 200, 8):
        for each in (index, expected):
            add(each, RECORDS[first : first + 8])
        while index.step():
            pass
        assert found(index) == found(expected)
        assert max(sizes(index)) <= 64
    assert sum(sizes(index)) == 200
    assert len(sizes(index)) <= 6


def test_a_segment_of_which_half_is_deleted_is_written_anew() -> None:
    index = small_index()
    add(index, RECORDS[:16])
    index.step()
    index.apply([deletion(1000 + record.sequence, record) for record in RECORDS[:7]])
    assert not index.step()
    index.apply([deletion(2000, RECORDS[7])])
    assert index.step()
    assert sizes(index) == [8]
    assert index.sequences_after(0, 100) == list(range(9, 17))
    index.apply([deletion(3000 + record.sequence, record) for record in RECORDS[8:16]])
    assert index.step()
    assert sizes(index) == []
    assert index.count() == 0


def test_what_is_deleted_while_a_segment_is_made_stays_deleted() -> None:
    index = small_index()
    add(index, RECORDS[:16])
    index.apply([deletion(500, RECORDS[2])])
    begin = index.begin_file

    def deletes_meanwhile() -> SegmentWriter:
        index.apply([deletion(501, RECORDS[4]), deletion(502, RECORDS[11]), addition(late)])
        return begin()

    late = stored_record(503, new_record(7))
    index.begin_file = deletes_meanwhile  # type: ignore[method-assign]
    index.step()
    left = [number for number in range(1, 17) if number not in (3, 5, 12)]
    assert index.sequences_after(0, 100) == [*left, 503]
    assert sorted(sequence for sequence, _ in found(index)) == [*left, 503]
    assert sizes(index) == [15]


def test_a_disk_that_fails_leaves_everything_as_it_was_and_is_tried_again() -> None:
    index = small_index()
    add(index, RECORDS[:30])
    before, begin = found(index), index.begin_file

    def fails() -> SegmentWriter:
        raise OSError("no space left")

    index.begin_file = fails  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no space"):
        index.step()
    assert found(index) == before
    index.begin_file = begin  # type: ignore[method-assign]
    assert index.step()
    assert found(index) == before


def test_what_waits_is_sealed_while_segments_are_merged() -> None:
    index = small_index(merge_factor=2)
    for first in (0, 8):
        add(index, RECORDS[first : first + 8])
        index.step()
    assert sizes(index) == [8, 8]
    crowded = RECORDS[16 : 16 + 8 * index_module.WAITING_TAILS]
    begin = index.begin_file

    def crowds() -> SegmentWriter:
        index.begin_file = begin  # type: ignore[method-assign]
        add(index, crowded)
        return begin()

    index.begin_file = crowds  # type: ignore[method-assign]
    assert index.step()
    assert sizes(index) == [16, len(crowded)]
    assert index.facts().tail_rows == 0
    assert sorted(number for number, _ in found(index)) == list(range(1, 17 + len(crowded)))


@pytest.mark.parametrize("how", ["step", "relieve"])
def test_a_file_is_as_old_as_the_rows_that_were_chosen_for_it(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    index = small_index()
    add(index, RECORDS[: 8 * index_module.WAITING_TAILS])
    before, stood = index.sequence, list[int]()
    name = "choose" if how == "step" else "waiting_tails"
    chooses, really = getattr(index_module, name), carried_out

    def deletes(parts: Sequence[Part], limits: Limits) -> Task | None:
        task: Task | None = chooses(parts, limits)
        index.apply([deletion(1000, RECORDS[3])])
        return task

    def noted(
        task: Task,
        begin: Callable[[], SegmentWriter],
        as_of: int,
        limits: Limits,
        check: Callable[[], None],
    ) -> SealedSegment | None:
        stood.append(as_of)
        return really(task, begin, as_of, limits, check)

    monkeypatch.setattr(index_module, name, deletes)
    monkeypatch.setattr(index_module, "carried_out", noted)
    getattr(index, how)()
    assert stood == [before], "what is deleted later is erased from the file later"
    assert index.count() == 8 * index_module.WAITING_TAILS - 1


def test_whoever_adds_does_not_wait_for_a_merge() -> None:
    index = small_index(merge_factor=2)
    for first in (0, 8):
        add(index, RECORDS[first : first + 8])
        index.step()
    crowded = RECORDS[16 : 16 + 8 * index_module.WAITING_TAILS]
    begin, seen = index.begin_file, list[list[int]]()

    def merges() -> SegmentWriter:
        index.begin_file = begin  # type: ignore[method-assign]
        writer = begin()
        add(index, crowded)
        adding = threading.Thread(target=index.relieve)
        adding.start()
        # The next look of the merge seals what waits; nothing else ends the wait of `adding`.
        index._check_long_work()
        adding.join(60)
        assert not adding.is_alive()
        seen.append(sizes(index))
        return writer

    index.begin_file = merges  # type: ignore[method-assign]
    assert index.step()
    assert seen == [[8, 8, len(crowded)]]
    assert sizes(index) == [16, len(crowded)]


def test_a_row_is_written_a_few_times_however_many_come() -> None:
    limits = Limits(2048, 8, 1 << 18, 64)
    parts, written = [FakePart(0, is_sealed=False)], 0
    for tails in range(1, 2001):
        parts.insert(-1, FakePart(limits.seal_rows, is_sealed=False))
        while (task := choose(cast("list[Part]", parts), limits)) is not None:
            first = cast("list[Part]", parts).index(task.parts[0])
            rows = sum(part.size for part in task.parts)
            assert rows <= limits.largest_rows
            parts[first : first + len(task.parts)] = [FakePart(rows, is_sealed=True)]
            written += rows
        assert written <= 6 * tails * limits.seal_rows
        assert len(parts) < 32


@given(
    st.lists(
        st.tuples(st.integers(1, 600), st.integers(0, 100)).map(lambda both: (sum(both), both[1])),
        max_size=30,
    )
)
def test_what_is_merged_is_at_least_twice_its_largest_part(
    sizes_and_dead: list[tuple[int, int]],
) -> None:
    parts = [FakePart(size, dead, is_sealed=True) for size, dead in sizes_and_dead]
    chosen = _similar(cast("list[Part]", parts), Limits(8, 3, 512, 4))
    if chosen is not None:
        live = [part.size - part.dead for part in chosen.parts]
        assert 2 * max(live) <= sum(live) <= 512


def test_sealed_features_are_not_in_memory() -> None:
    index = small_index()
    add(index, RECORDS[:64])
    exact = index.facts().bytes_in_memory
    index.step()
    (part,) = index.sealed_parts()
    assert isinstance(part.rows, SealedSegment)
    assert index.facts().bytes_in_memory < exact
    rows = np.array([5, 0, 63])
    stored = np.stack([RECORDS[row].features for row in rows])
    assert np.array_equal(part.rows.features(rows), stored)


def test_labels_and_attributes_survive_sealing_and_merging() -> None:
    index = small_index(merge_factor=2)
    for first in range(0, 40, 8):
        add(index, RECORDS[first : first + 8])
        while index.step():
            pass
    assert sizes(index)
    for part in index.sealed_parts():
        numbers = part.columns.sequence
        red = part.columns.attributes.equal("colour", ["red"])
        assert red.tolist() == [number % 2 == 0 for number in numbers]
        third = part.columns.with_label("identity", ["v3"])
        assert third.tolist() == [number % 5 == 3 for number in numbers]


def test_the_tail_that_grows_is_never_chosen() -> None:
    index = small_index(seal_rows=1000)
    add(index, RECORDS[:50])
    (part,) = index._state.parts
    assert isinstance(part.rows, TailView)
    assert choose((part,), Limits(8, 8, 64, 4)) is None
    assert not index.step()


@pytest.mark.parametrize(
    ("live", "expected"),
    [([8] * 7, None), ([8] * 8, 8), ([70, *[8] * 8], 8), ([64] * 3, None), ([8, 64] * 4, 8)],
)
def test_segments_of_similar_size_are_merged(
    make_part: Callable[[int, int], Part], live: Sequence[int], expected: int | None
) -> None:
    parts = [make_part(1 + sum(live[:number]), size) for number, size in enumerate(live)]
    task = choose((*parts, make_part(10**6, 1)), Limits(8, 8, 512, 4))
    assert (None if task is None else len(task.parts)) == expected


@pytest.fixture(scope="module")
def make_part() -> Callable[[int, int], Part]:
    def made(first: int, size: int) -> Part:
        index = SearchIndex(FEATURE_SIZE, seal_rows=size)
        rows = RecordRows.of(
            [stored_record(first + number, new_record(0)) for number in range(size)]
        )
        index.append(rows, rows.features)
        index.step()
        (part,) = index.sealed_parts()
        index.close()
        return part

    return made
