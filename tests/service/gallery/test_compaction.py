"""Sealing and merging change neither what is found nor how it is ranked."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from service.gallery import index as index_module
from service.gallery.columns import RecordRows
from service.gallery.compaction import Limits, choose
from service.gallery.index import SearchIndex
from service.gallery.parts import Part
from service.gallery.planning import Query
from service.gallery.record import Record
from service.gallery.sealed_segment import SealedSegment
from service.gallery.segment_writer import SegmentWriter
from service.gallery.tail import TailView
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


def test_merging_gives_way_when_many_rows_wait_to_be_sealed() -> None:
    index = small_index(merge_factor=2)
    for first in (0, 8):
        add(index, RECORDS[first : first + 8])
        index.step()
    sealed = sizes(index)
    crowded = RECORDS[16 : 16 + 8 * index_module.WAITING_TAILS]
    begin = index.begin_file

    def crowds() -> SegmentWriter:
        index.begin_file = begin  # type: ignore[method-assign]
        add(index, crowded)
        return begin()

    index.begin_file = crowds  # type: ignore[method-assign]
    assert index.step()
    assert sizes(index) == sealed == [8, 8], "the merging was given up"
    waiting = index.facts().tail_rows
    assert waiting == len(crowded)
    assert index.step()
    assert sizes(index) == [8, 8, waiting]


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
