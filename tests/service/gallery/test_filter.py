from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidFilter
from service.gallery.columns import Columns, GrowingArray
from service.gallery.filter import Filter
from tests.service.gallery.builders import FEATURE_SIZE, new_record, stored_record

RECORDS: list[dict[str, Any]] = [
    {"camera": "1", "identity": "a", "captured_at": datetime(2024, 5, 1, tzinfo=UTC)},
    {"camera": "2", "identity": "a", "scene": "s1", "attributes": {"kind": "bus", "axles": 2}},
    {"camera": "2", "identity": "b", "captured_at": datetime(2024, 5, 2, tzinfo=UTC)},
    {"scene": "s2", "attributes": {"kind": "car", "axles": 2.0, "towing": True}},
    {"camera": "3", "captured_at": datetime(2024, 5, 3, tzinfo=UTC), "attributes": {"towing": 1}},
]


@pytest.fixture(scope="module")
def columns() -> Columns:
    columns = Columns(FEATURE_SIZE)
    columns.append(
        [
            stored_record(number, new_record(number, **fields))
            for number, fields in enumerate(RECORDS, 1)
        ]
    )
    return columns


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
    ],
)
def test_a_filter_keeps_the_records_that_satisfy_all_of_it(
    columns: Columns, document: object, rows: list[int]
) -> None:
    kept = Filter.from_json(document).rows(columns.view())
    assert kept.nonzero()[0].tolist() == rows


def test_rows_added_after_a_view_was_taken_are_not_in_it(columns: Columns) -> None:
    own = Columns(FEATURE_SIZE)
    own.append([stored_record(1, new_record(camera="1", attributes={"kind": "bus"}))])
    view = own.view()
    own.append([stored_record(2, new_record(camera="1", attributes={"kind": "bus"}))])
    document = {"camera": "1", "attributes": {"kind": "bus"}}
    assert Filter.from_json(document).rows(view).tolist() == [True]
    assert Filter.from_json(document).rows(own.view()).tolist() == [True, True]


def test_compaction_forgets_labels_that_no_row_has(columns: Columns) -> None:
    compacted = columns.compacted(np.array([False, False, True, True, True]))
    assert compacted.view().labels["camera"].tolist() == [0, -1, 1]
    compacted.append([stored_record(9, new_record(camera="1"))])
    assert Filter.from_json({"camera": "1"}).rows(compacted.view()).tolist() == [False] * 3 + [True]


def test_an_attribute_value_of_one_record_takes_little_memory() -> None:
    rows = GrowingArray(np.int64)
    rows.extend(np.array([5]))
    held = rows.view().base
    assert held is not None
    assert held.nbytes == 8


def test_compaction_changes_no_answer(columns: Columns) -> None:
    kept = [True, True, False, True, False]
    compacted = columns.compacted(np.array(kept)).view()
    assert compacted.sequence.tolist() == [1, 2, 4]
    assert Filter.from_json({"camera": "2"}).rows(compacted).tolist() == [False, True, False]
    assert Filter.from_json({"attributes": {"axles": 2}}).rows(compacted).tolist() == [
        False,
        True,
        True,
    ]
    assert not Filter.from_json({"attributes": {"towing": 1}}).rows(compacted).any()


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"camera": 2}, "camera"),
        ({"camera": []}, "camera"),
        ({"camera": ["1", None]}, "camera"),
        ({"identity": {"not": "a"}}, "identity"),
        ({"captured_at": "2024-05-01"}, "captured_at"),
        ({"captured_at": {"after": "2024-05-01T00:00:00Z"}}, "after"),
        ({"captured_at": {"from": "yesterday"}}, "captured_at.from"),
        ({"captured_at": {"from": 5}}, "captured_at.from"),
        ({"captured_at": {"to": "2024-05-01T00:00:00"}}, "time zone"),
        ({"attributes": ["kind"]}, "attributes"),
        ({"attributes": {"kind": {"from": 1}}}, "kind"),
        ({"attributes": {"kind": []}}, "kind"),
        (["camera"], "JSON object"),
        ("camera", "JSON object"),
        (None, "JSON object"),
    ],
)
def test_a_filter_that_says_something_else_is_refused_by_name(document: object, named: str) -> None:
    with pytest.raises(InvalidFilter, match=named):
        Filter.from_json(document)
