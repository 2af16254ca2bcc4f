"""Frozen columns of a few rows."""

from collections.abc import Mapping, Sequence

from service.gallery.columns.attributes import AttributeColumns
from service.gallery.columns.growing_attributes import GrowingAttributes
from service.gallery.columns.text_column import GrowingTextColumn, TextColumn
from service.gallery.record import AttributeValue


def frozen_attributes(rows: Sequence[Mapping[str, AttributeValue]]) -> AttributeColumns:
    """The attributes of these rows."""
    growing = GrowingAttributes()
    growing.append(rows)
    return growing.view().frozen()


def frozen_labels(values: Sequence[str | None]) -> TextColumn:
    """The labels of these rows."""
    growing = GrowingTextColumn()
    growing.append(values)
    return growing.view().frozen()
