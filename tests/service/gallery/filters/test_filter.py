from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidFilter
from service.gallery.columns.columns import Columns, FrozenColumns, RecordRows
from service.gallery.columns.growing_array import GrowingArray
from service.gallery.filters.filter import Filter
from service.gallery.record import Record
from tests.service.gallery.builders import new_record, stored_record

RECORDS: list[dict[str, Any]] = [
    {"camera": "1", "identity": "a", "captured_at": datetime(2024, 5, 1, tzinfo=UTC)},
    {"camera": "2", "identity": "a", "scene": "s1", "attributes": {"kind": "bus", "axles": 2}},
    {"camera": "2", "identity": "b", "captured_at": datetime(2024, 5, 2, tzinfo=UTC)},
    {"scene": "s2", "attributes": {"kind": "car", "axles": 2.0, "towing": True}},
    {"camera": "3", "captured_at": datetime(2024, 5, 3, tzinfo=UTC), "attributes": {"towing": 1}},
]


STORED = [
    stored_record(number, new_record(number, **fields)) for number, fields in enumerate(RECORDS, 1)
]


def grown(*records: Record) -> Columns:
    columns = Columns()
    columns.append(RecordRows.of(records))
    return columns


COLUMNS = grown(*STORED).view()


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"camera": "2"}, [1, 2]),
        ({"camera": ["1", "3", "nowhere"]}, [0, 4]),
        ({"camera": "nowhere"}, []),
        ({"identity": "a"}, [0, 1]),
        ({"identity": "a", "camera": "2"}, [1]),
        ({"scene": ["s1", "s2"]}, [1, 3]),
        ({"exclude_camera": "2"}, [0, 3, 4]),
        ({"exclude_scene": "s1"}, [0, 2, 3, 4]),
        ({"camera": "2", "exclude_scene": "s1"}, [2]),
        ({"captured_at": {"from": "2024-05-02T00:00:00Z"}}, [2, 4]),
        ({"captured_at": {"to": "2024-05-02T00:00:00Z"}}, [0]),
        (
            {"captured_at": {"from": "2024-05-01T02:00:00+02:00", "to": "2024-05-03T00:00:00Z"}},
            [0, 2],
        ),
        ({"captured_at": {}}, [0, 1, 2, 3, 4]),
        ({"captured_at": None, "attributes": None, "camera": None}, [0, 1, 2, 3, 4]),
        ({"captured_at": {"from": None}, "attributes": {"kind": None}}, [0, 1, 2, 3, 4]),
        ({"attributes": {"kind": "bus"}}, [1]),
        ({"attributes": {"kind": ["bus", "car"]}}, [1, 3]),
        ({"attributes": {"axles": 2}}, [1, 3]),
        ({"attributes": {"towing": True}}, [3]),
        ({"attributes": {"towing": 1}}, [4]),
        ({"attributes": {"kind": "bus", "axles": 3}}, []),
        ({"attributes": {"nothing": "like this"}}, []),
        ({"exclude_identity": ["a", "c"]}, [2, 3, 4]),
        ({"identity": {"exists": False}}, [3, 4]),
        ({"identity": {"exists": True}, "camera": {"exists": True}}, [0, 1, 2]),
        ({"scene": {"exists": True}}, [1, 3]),
        ({"captured_at": {"exists": False}}, [1, 3]),
        ({"captured_at": {"exists": True, "from": "2024-05-02T00:00:00Z"}}, [2, 4]),
        ({"attributes": {"axles": {"from": 2, "to": 3}}}, [1, 3]),
        ({"attributes": {"axles": {"above": 2}}}, []),
        ({"attributes": {"axles": {"to": 2}}}, []),
        ({"attributes": {"axles": {"through": 2}}}, [1, 3]),
        ({"attributes": {"kind": {"from": "bus", "to": "car"}}}, [1]),
        ({"attributes": {"kind": {"from": "b", "through": "car"}}}, [1, 3]),
        ({"attributes": {"towing": {"exists": True}}}, [3, 4]),
        ({"attributes": {"towing": {"exists": False}, "kind": {"exists": False}}}, [0, 2]),
        ({"attributes": {"towing": {"from": 0}}}, [4]),
        ({"or": [{"camera": "1"}, {"scene": "s2"}]}, [0, 3]),
        ({"or": [{"camera": "1"}, {"scene": "s2"}], "identity": "a"}, [0]),
        ({"and": [{"identity": "a"}, {"camera": "2"}]}, [1]),
        ({"not": {"camera": "2"}}, [0, 3, 4]),
        ({"not": {"identity": "a", "camera": "2"}}, [0, 2, 3, 4]),
        ({"not": {"or": [{"identity": "a"}, {"not": {"camera": "3"}}]}}, [4]),
        ({"not": {}}, []),
        ({"and": None, "or": None, "not": None, "exclude_same_camera": False}, [0, 1, 2, 3, 4]),
    ],
)
def test_a_filter_keeps_the_records_that_satisfy_all_of_it(
    document: object, rows: list[int]
) -> None:
    conditions = Filter.from_json(document)
    assert conditions.rows(COLUMNS).nonzero()[0].tolist() == rows
    assert conditions.rows(COLUMNS.frozen()).nonzero()[0].tolist() == rows
    assert [row for row, record in enumerate(STORED) if conditions.matches(record)] == rows


def test_rows_added_after_a_view_was_taken_are_not_in_it() -> None:
    own = grown(stored_record(1, new_record(camera="1", attributes={"kind": "bus"})))
    view = own.view()
    later = stored_record(2, new_record(camera="1", attributes={"kind": "bus"}))
    own.append(RecordRows.of([later]))
    document = {"camera": "1", "attributes": {"kind": "bus"}}
    assert Filter.from_json(document).rows(view).tolist() == [True]
    assert Filter.from_json(document).rows(own.view()).tolist() == [True, True]


def test_an_attribute_value_of_one_record_takes_little_memory() -> None:
    rows = GrowingArray(np.int64)
    rows.extend(np.array([5]))
    held = rows.view().base
    assert held is not None
    assert held.nbytes == 8


def test_merging_changes_no_answer() -> None:
    kept = np.array([True, True, False, True, False])
    merged = FrozenColumns.merged([(COLUMNS.frozen(), kept), (COLUMNS.frozen(), ~kept)])
    assert merged.sequence.tolist() == [1, 2, 4, 3, 5]
    assert Filter.from_json({"camera": "2"}).rows(merged).nonzero()[0].tolist() == [1, 3]
    axles = Filter.from_json({"attributes": {"axles": 2}})
    assert axles.rows(merged).nonzero()[0].tolist() == [1, 2]


def test_a_filter_that_compares_with_a_query_needs_one() -> None:
    document = {"or": [{"camera": "1"}, {"not": {"exclude_same_camera": True}}]}
    conditions = Filter.from_json(document)
    assert conditions.compares_with_query == {"camera"}
    with pytest.raises(InvalidFilter, match="exclude_same_camera"):
        conditions.rows(COLUMNS)
    with pytest.raises(InvalidFilter, match="use exclude_camera"):
        Filter(exclude_same_camera=True).matches(STORED[0])
    assert conditions.relative_to(["2"], []).rows(COLUMNS).nonzero()[0].tolist() == [0, 1, 2]


def test_a_record_without_a_camera_is_not_from_the_same_one() -> None:
    conditions = Filter(exclude_same_camera=True, exclude_camera=("3",))
    assert conditions.relative_to(["1", "2"], ["s2"]).rows(COLUMNS).nonzero()[0].tolist() == [3]
    assert conditions.relative_to([], []).rows(COLUMNS).nonzero()[0].tolist() == [0, 1, 2, 3]
