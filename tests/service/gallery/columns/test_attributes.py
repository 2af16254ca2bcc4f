"""Attributes and labels as arrays; what filters find in them is in test_filter_properties.py."""

import numpy as np
import pytest

from service.gallery.columns.attribute_values import AttributeRows, Range
from service.gallery.columns.attributes import AttributeColumns
from service.gallery.columns.growing_attributes import GrowingAttributes
from service.gallery.columns.text_column import GrowingTextColumn, TextColumn
from service.gallery.record import AttributeValue
from tests.service.gallery.column_builders import frozen_attributes, frozen_labels

ROWS: list[dict[str, AttributeValue]] = [
    {"kind": "bus", "axles": 2, "seen": "2024-05-01T10:00"},
    {},
    {"kind": "car", "axles": 2.5, "towing": True, "seen": "2024-05-01T12:00"},
    {"kind": 7, "towing": False, "seen": "2024-05-02T08:00"},
    {"kind": "bus", "towing": 1, "axles": "two"},
]


def grown(rows: list[dict[str, AttributeValue]]) -> GrowingAttributes:
    growing = GrowingAttributes()
    growing.append(rows)
    return growing


FORMS: dict[str, AttributeRows] = {
    "growing": grown(ROWS).view(),
    "frozen": grown(ROWS).view().frozen(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "values", "rows"),
    [
        ("axles", Range(2, 2.5), [0]),
        ("axles", Range(2, 2.5, includes_high=True), [0, 2]),
        ("axles", Range(2, None, includes_low=False), [2]),
        ("axles", Range(None, 2), []),
        ("axles", Range(3, 2), []),
        ("axles", Range("t", None), [4]),
        ("towing", Range(0, 5), [4]),
        ("seen", Range("2024-05-01", "2024-05-02"), [0, 2]),
        ("seen", Range("2024-05-01T12:00", None, includes_low=False), [3]),
        ("seen", Range(None, "2024-05-01T12:00", includes_high=True), [0, 2]),
        ("nothing", Range(0, 1), []),
    ],
)
def test_a_range_holds_the_values_of_its_kind(
    form: str, name: str, values: Range, rows: list[int]
) -> None:
    assert FORMS[form].between(name, values).nonzero()[0].tolist() == rows


@pytest.mark.parametrize("form", FORMS)
def test_an_attribute_is_there_whatever_its_value(form: str) -> None:
    assert FORMS[form].present("kind").tolist() == [True, False, True, True, True]
    assert FORMS[form].present("towing").tolist() == [False, False, True, True, True]
    assert not FORMS[form].present("colour").any()


@pytest.mark.parametrize("ends", [(None, None), (True, None), (1, "a"), (None, False)])
def test_a_range_of_nothing_or_of_two_kinds_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="from a number to a number"):
        Range(*ends)


def test_rows_that_are_dropped_leave_no_text_behind() -> None:
    columns = frozen_attributes([{"plate": "HN 4711"}, {"kind": "bus"}, {"kind": "HN"}])
    kept = AttributeColumns.merged([(columns, np.array([False, True, False]))])
    assert kept.names.data.tobytes() == b"kind"
    assert kept.texts.data.tobytes() == b"bus"
    labels = frozen_labels(["HN 4711", "a", None])
    assert TextColumn.merged([(labels, np.array([False, True, True]))]).texts.data.tobytes() == b"a"


def test_what_was_appended_in_part_is_dropped_again() -> None:
    growing = grown(ROWS[:2])
    growing.append([{"kind": "car", "axles": 1}])
    growing.truncate(2)
    growing.append([{"axles": 3}])
    assert growing.view().equal("kind", ["car"]).tolist() == [False] * 3
    assert growing.view().equal("axles", [3]).tolist() == [False, False, True]
    labels = GrowingTextColumn()
    labels.append(["a", "b"])
    labels.truncate(1)
    labels.append([None])
    assert labels.view().frozen().texts.text(0) == "a"
    assert labels.view().present().tolist() == [True, False]


def test_a_distinct_text_takes_its_bytes_and_little_more() -> None:
    count = 20_000
    plates = [f"plate {number:014d}" for number in range(count)]
    columns = frozen_attributes([{"plate": plate} for plate in plates])
    assert columns.nbytes <= count * (20 + 16) + 1000
    assert frozen_labels(plates).nbytes <= count * (20 + 12) + 1000


def test_columns_of_nothing_find_nothing() -> None:
    empty = AttributeColumns.merged([])
    assert empty.equal("kind", ["bus", 1, True]).tolist() == []
    assert TextColumn.merged([]).equal(["a"]).tolist() == []
