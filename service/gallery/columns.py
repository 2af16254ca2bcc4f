"""The records of a gallery as columns in memory, for filters and for scoring.

One writer appends; readers work on a `ColumnView`, which is cut to the rows that were complete when
it was taken. Appending writes behind the end of every view or into a larger copy, so a view never
changes and needs no lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from service.gallery.record import AttributeValue, Record
from service.gallery.rows import mask_bits, microseconds
from vreid.modality import MODALITIES

LabelName = Literal["identity", "camera", "scene"]
LABEL_NAMES: tuple[LabelName, ...] = ("identity", "camera", "scene")

NO_LABEL = -1
NO_TIME = np.iinfo(np.int64).min

# true and 1 are equal in Python but not in JSON.
_AttributeKey: TypeAlias = tuple[str, bool, AttributeValue]


class GrowingArray:
    """An array that grows at its end, doubling its capacity."""

    def __init__(self, dtype: DTypeLike, row_shape: tuple[int, ...] = ()) -> None:
        self._values: NDArray[Any] = np.empty((0, *row_shape), dtype=dtype)
        self._size = 0

    def extend(self, rows: NDArray[Any]) -> None:
        """Append rows."""
        size = self._size + len(rows)
        if size > len(self._values):
            capacity = max(size, 2 * len(self._values))
            larger = np.empty((capacity, *self._values.shape[1:]), dtype=self._values.dtype)
            larger[: self._size] = self._values[: self._size]
            self._values = larger
        self._values[self._size : size] = rows
        self._size = size

    def truncate(self, size: int) -> None:
        """Drop what was appended beyond a size."""
        self._size = min(self._size, size)

    def view(self) -> NDArray[Any]:
        """The rows so far; safe to take while another thread appends."""
        size = self._size  # before the array: an array replaced in between holds at least these
        return self._values[:size]


@dataclass(frozen=True, slots=True)
class ColumnView:
    """The first `size` rows, unchanging. Rows are ordered by `sequence`.

    `features` (N, 3, D) float16, `mask` (N,) with bit 0 RGB, bit 1 NIR, bit 2 TIR, `captured_at`
    (N,) microseconds since 1970 or NO_TIME, `labels` codes (N,) or NO_LABEL.
    """

    size: int
    sequence: NDArray[np.int64]
    features: NDArray[np.float16]
    mask: NDArray[np.uint8]
    captured_at: NDArray[np.int64]
    labels: Mapping[LabelName, NDArray[np.int32]]
    _codes: Mapping[LabelName, Mapping[str, int]]
    _attributes: Mapping[_AttributeKey, GrowingArray]

    def with_label(self, name: LabelName, values: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the labels."""
        known = self._codes[name]
        codes = [known[value] for value in values if value in known]
        return np.isin(self.labels[name], codes)

    def with_attribute(self, name: str, value: AttributeValue) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute with exactly this value."""
        found = np.zeros(self.size, dtype=np.bool_)
        rows = self._attributes.get(_attribute_key(name, value))
        if rows is not None:
            numbers = rows.view()
            found[numbers[numbers < self.size]] = True
        return found


class Columns:
    """The columns themselves; one thread at a time may append."""

    def __init__(self, feature_size: int) -> None:
        self._size = 0
        self._feature_size = feature_size
        self._sequence = GrowingArray(np.int64)
        self._features = GrowingArray(np.float16, (len(MODALITIES), feature_size))
        self._mask = GrowingArray(np.uint8)
        self._captured_at = GrowingArray(np.int64)
        self._labels = {name: GrowingArray(np.int32) for name in LABEL_NAMES}
        self._codes: dict[LabelName, dict[str, int]] = {name: {} for name in LABEL_NAMES}
        self._attributes: dict[_AttributeKey, GrowingArray] = {}

    def append(self, records: Sequence[Record]) -> None:
        """Append records whose sequence numbers are above all that are there."""
        if not records:
            return
        self._sequence.extend(np.array([each.sequence for each in records]))
        self._features.extend(np.stack([each.features for each in records]))
        self._mask.extend(np.array([mask_bits(each.mask) for each in records]))
        self._captured_at.extend(np.array([_time(each) for each in records]))
        for name in LABEL_NAMES:
            labels = [getattr(each, name) for each in records]
            self._labels[name].extend(np.array([self._code(name, label) for label in labels]))
        for row, record in enumerate(records, self._size):
            for attribute, value in record.attributes.items():
                self._rows_of(_attribute_key(attribute, value)).extend(np.array([row]))
        self._size += len(records)

    def truncate(self, size: int) -> None:
        """Drop the rows from `size` on, also those that an append has added in part only.

        No view may reach beyond `size`.
        """
        for column in (self._sequence, self._features, self._mask, self._captured_at):
            column.truncate(size)
        for labels in self._labels.values():
            labels.truncate(size)
        for rows in self._attributes.values():
            rows.truncate(int(np.searchsorted(rows.view(), size)))
        self._size = size

    def view(self) -> ColumnView:
        """The rows appended so far."""
        return ColumnView(
            size=self._size,
            sequence=self._sequence.view(),
            features=self._features.view(),
            mask=self._mask.view(),
            captured_at=self._captured_at.view(),
            labels={name: labels.view() for name, labels in self._labels.items()},
            _codes=self._codes,
            _attributes=self._attributes,
        )

    def compacted(self, kept: NDArray[np.bool_]) -> Columns:
        """New columns of the kept rows (N,) only; this object stays as it is."""
        new = Columns(self._feature_size)
        new._sequence.extend(self._sequence.view()[kept])
        new._features.extend(self._features.view()[kept])
        new._mask.extend(self._mask.view()[kept])
        new._captured_at.extend(self._captured_at.view()[kept])
        for name in LABEL_NAMES:
            codes = self._labels[name].view()[kept]
            labelled = codes != NO_LABEL
            used, codes[labelled] = np.unique(codes[labelled], return_inverse=True)
            labels = list(self._codes[name])
            new._labels[name].extend(codes)
            new._codes[name] = {labels[old]: code for code, old in enumerate(used)}
        new_row = np.cumsum(kept) - 1
        for key, rows in self._attributes.items():
            remaining = rows.view()[kept[rows.view()]]
            if len(remaining):
                new._rows_of(key).extend(new_row[remaining])
        new._size = int(kept.sum())
        return new

    def _code(self, name: LabelName, label: str | None) -> int:
        if label is None:
            return NO_LABEL
        codes = self._codes[name]
        return codes.setdefault(label, len(codes))

    def _rows_of(self, key: _AttributeKey) -> GrowingArray:
        rows = self._attributes.get(key)
        if rows is None:
            rows = self._attributes[key] = GrowingArray(np.int64)
        return rows


def _attribute_key(name: str, value: AttributeValue) -> _AttributeKey:
    return name, isinstance(value, bool), value


def _time(record: Record) -> int:
    return int(NO_TIME) if record.captured_at is None else microseconds(record.captured_at)
