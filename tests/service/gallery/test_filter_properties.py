"""A filter keeps the same records whatever evaluates it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.gallery.columns.attribute_values import AttributeRows
from service.gallery.columns.attributes import AttributeColumns
from service.gallery.columns.columns import NO_TIME, LabelName
from service.gallery.columns.growing_attributes import GrowingAttributes
from service.gallery.columns.text_column import GrowingTextColumn, TextColumn, TextRows
from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_json import read_filter, written_filter
from service.gallery.record import Labels
from service.gallery.store.rows import microseconds
from tests.service.gallery.column_builders import frozen_attributes, frozen_labels
from tests.service.gallery.filter_strategies import LABELS, filters, records

LABEL_NAMES: tuple[LabelName, ...] = ("identity", "camera", "scene")
PROPERTY = settings(max_examples=100, deadline=None)


@dataclass
class PlainColumns:
    """Columns made of text columns and attribute columns of either form."""

    size: int
    captured_at: NDArray[np.int64]
    labels: dict[LabelName, TextRows]
    attributes: AttributeRows

    def with_label(self, name: LabelName, values: tuple[str, ...]) -> NDArray[np.bool_]:
        return self.labels[name].equal(values)

    def has_label(self, name: LabelName) -> NDArray[np.bool_]:
        return self.labels[name].present()


def times_of(records: Sequence[Labels]) -> NDArray[np.int64]:
    return np.array(
        [
            NO_TIME if each.captured_at is None else microseconds(each.captured_at)
            for each in records
        ],
        dtype=np.int64,
    )


def growing_columns(records: Sequence[Labels], later: Sequence[Labels]) -> PlainColumns:
    """The records as a growing column shows them that is appended to afterwards."""
    labels = {name: GrowingTextColumn() for name in LABEL_NAMES}
    attributes = GrowingAttributes()

    def append(more: Sequence[Labels]) -> None:
        for name in LABEL_NAMES:
            labels[name].append([getattr(each, name) for each in more])
        attributes.append([each.attributes for each in more])

    append(records)
    views = {name: column.view() for name, column in labels.items()}
    view = attributes.view()
    append(later)
    return PlainColumns(len(records), times_of(records), dict(views), view)


def frozen_columns(records: Sequence[Labels], dropped: Sequence[Labels]) -> PlainColumns:
    """The records merged from two frozen halves, out of which other rows were dropped."""
    half = len(records) // 2
    kept = [np.array([True] * half + [False] * len(dropped), np.bool_)]
    kept.append(np.ones(len(records) - half, np.bool_))
    halves = [[*records[:half], *dropped], records[half:]]
    labels: dict[LabelName, TextRows] = {
        name: TextColumn.merged(
            [
                (frozen_labels([getattr(each, name) for each in part]), rows)
                for part, rows in zip(halves, kept, strict=True)
            ]
        )
        for name in LABEL_NAMES
    }
    attributes = AttributeColumns.merged(
        [
            (frozen_attributes([each.attributes for each in part]), rows)
            for part, rows in zip(halves, kept, strict=True)
        ]
    )
    return PlainColumns(len(records), times_of(records), labels, attributes)


@PROPERTY
@given(
    filter=filters,
    kept=st.lists(records, max_size=8),
    others=st.lists(records, max_size=3),
)
def test_columns_growing_and_frozen_and_the_records_themselves_agree(
    filter: Filter, kept: list[Labels], others: list[Labels]
) -> None:
    expected = [filter.matches(record) for record in kept]
    assert filter.rows(growing_columns(kept, others)).tolist() == expected
    assert filter.rows(frozen_columns(kept, others)).tolist() == expected


@PROPERTY
@given(filter=filters)
def test_a_filter_written_as_json_is_read_as_an_equal_one(filter: Filter) -> None:
    assert read_filter(written_filter(filter)) == filter


@PROPERTY
@given(parts=st.lists(filters, min_size=1, max_size=3), kept=st.lists(records, max_size=6))
def test_not_any_is_all_not_and_not_all_is_any_not(parts: list[Filter], kept: list[Labels]) -> None:
    columns = frozen_columns(kept, [])
    negated = tuple(Filter(negated=part) for part in parts)
    for ours, theirs in (
        (Filter(negated=Filter(any_of=tuple(parts))), Filter(all_of=negated)),
        (Filter(negated=Filter(all_of=tuple(parts))), Filter(any_of=negated)),
    ):
        assert ours.rows(columns).tolist() == theirs.rows(columns).tolist()
        assert [ours.matches(each) for each in kept] == [theirs.matches(each) for each in kept]


@PROPERTY
@given(
    camera=st.sampled_from(LABELS),
    scenes=st.lists(st.sampled_from(LABELS), max_size=2),
    own=filters,
    record=records,
)
def test_a_filter_relative_to_a_query_excludes_its_camera_and_scenes(
    camera: str, scenes: list[str], own: Filter, record: Labels
) -> None:
    relative = Filter(
        all_of=(own, Filter(exclude_same_camera=True)),
        negated=Filter(negated=Filter(exclude_same_scene=True)),
    )
    assert relative.compares_with_query == {"camera", "scene"}
    resolved = relative.relative_to([camera], scenes)
    assert resolved.matches(record) == (
        own.matches(record) and record.camera != camera and record.scene not in scenes
    )
