"""Frozen columns of a few rows."""

from collections.abc import Mapping, Sequence

from service.gallery.attributes import AttributeColumns
from service.gallery.growing_attributes import GrowingAttributes
from service.gallery.record import AttributeValue
from service.gallery.text_column import GrowingTextColumn, TextColumn


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
