"""The records of a gallery as columns in memory: what filters, listings and plans look at.

Two kinds. `Columns` grow: one writer appends, readers work on a `ColumnView`, which is cut to the
rows that were complete when it was taken. Appending writes behind the end of every view or into a
larger copy, so a view never changes and needs no lock. `FrozenColumns` are arrays only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.attribute_values import AttributeRows
from service.gallery.columns.attributes import AttributeColumns
from service.gallery.columns.growing_array import GrowingArray
from service.gallery.columns.growing_attributes import GrowingAttributes, GrowingAttributesView
from service.gallery.columns.text_column import (
    NO_TEXT,
    GrowingTextColumn,
    GrowingTextView,
    TextColumn,
)
from service.gallery.record import AttributeValue, Record
from service.gallery.store.rows import encode_features, mask_bits, microseconds

LabelName = Literal["identity", "camera", "scene"]
LABEL_NAMES: tuple[LabelName, ...] = ("identity", "camera", "scene")

NO_LABEL = NO_TEXT
NO_TIME: Final = int(np.iinfo(np.int64).min)

_Value = TypeVar("_Value", bound=np.generic)


class RowNumbers(Protocol):
    """What is known of rows (N,) in numbers; they are ascending by `sequence`.

    `checksum` uint32 is the CRC-32 of the row's stored features, `mask` uint8 has bit 0 for RGB,
    bit 1 NIR, bit 2 TIR, `captured_at` is in microseconds since 1970 or NO_TIME.
    """

    @property
    def sequence(self) -> NDArray[np.int64]:
        """Sequence numbers (N,)."""
        ...

    @property
    def checksum(self) -> NDArray[np.uint32]:
        """Checksums (N,)."""
        ...

    @property
    def mask(self) -> NDArray[np.uint8]:
        """Mask bits (N,)."""
        ...

    @property
    def captured_at(self) -> NDArray[np.int64]:
        """Times (N,)."""
        ...


class RowColumns(RowNumbers, Protocol):
    """What growing and frozen columns have in common."""

    @property
    def size(self) -> int:
        """Number of rows."""
        ...

    @property
    def attributes(self) -> AttributeRows:
        """Attributes of the rows."""
        ...

    def with_label(self, name: LabelName, values: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the labels."""
        ...

    def has_label(self, name: LabelName) -> NDArray[np.bool_]:
        """Which rows (N,) carry any label of that name."""
        ...


class Rows(RowNumbers, Protocol):
    """Rows to append: arrays (N,) and lists of N."""

    @property
    def identity(self) -> Sequence[str | None]:
        """Identities."""
        ...

    @property
    def camera(self) -> Sequence[str | None]:
        """Cameras."""
        ...

    @property
    def scene(self) -> Sequence[str | None]:
        """Scenes."""
        ...

    @property
    def attributes(self) -> Sequence[Mapping[str, AttributeValue]]:
        """Attributes of the rows."""
        ...


@dataclass(frozen=True, slots=True)
class FrozenColumns:
    """Columns of `size` rows as arrays only, see `RowColumns`."""

    size: int
    sequence: NDArray[np.int64]
    checksum: NDArray[np.uint32]
    mask: NDArray[np.uint8]
    captured_at: NDArray[np.int64]
    labels: Mapping[LabelName, TextColumn]
    attributes: AttributeColumns

    @classmethod
    def merged(cls, parts: Sequence[tuple[FrozenColumns, NDArray[np.bool_]]]) -> FrozenColumns:
        """The kept rows (n,) of each part, one part after another."""
        kept = [chosen for _, chosen in parts]
        return cls(
            size=sum(int(chosen.sum()) for chosen in kept),
            sequence=_chosen([part.sequence for part, _ in parts], kept),
            checksum=_chosen([part.checksum for part, _ in parts], kept),
            mask=_chosen([part.mask for part, _ in parts], kept),
            captured_at=_chosen([part.captured_at for part, _ in parts], kept),
            labels={
                name: TextColumn.merged([(part.labels[name], chosen) for part, chosen in parts])
                for name in LABEL_NAMES
            },
            attributes=AttributeColumns.merged(
                [(part.attributes, chosen) for part, chosen in parts]
            ),
        )

    def with_label(self, name: LabelName, values: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the labels."""
        return self.labels[name].equal(values)

    def has_label(self, name: LabelName) -> NDArray[np.bool_]:
        """Which rows (N,) carry any label of that name."""
        return self.labels[name].present()

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        arrays = (self.sequence, self.checksum, self.mask, self.captured_at)
        return (
            sum(array.nbytes for array in arrays)
            + sum(labels.nbytes for labels in self.labels.values())
            + self.attributes.nbytes
        )


@dataclass(frozen=True, slots=True)
class ColumnView:
    """The first `size` rows of growing columns, unchanging, see `RowColumns`."""

    size: int
    sequence: NDArray[np.int64]
    checksum: NDArray[np.uint32]
    mask: NDArray[np.uint8]
    captured_at: NDArray[np.int64]
    labels: Mapping[LabelName, GrowingTextView]
    attributes: GrowingAttributesView

    def with_label(self, name: LabelName, values: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the labels."""
        return self.labels[name].equal(values)

    def has_label(self, name: LabelName) -> NDArray[np.bool_]:
        """Which rows (N,) carry any label of that name."""
        return self.labels[name].present()

    def frozen(self) -> FrozenColumns:
        """The same rows as arrays only."""
        return FrozenColumns(
            size=self.size,
            sequence=self.sequence.copy(),
            checksum=self.checksum.copy(),
            mask=self.mask.copy(),
            captured_at=self.captured_at.copy(),
            labels={name: labels.frozen() for name, labels in self.labels.items()},
            attributes=self.attributes.frozen(),
        )


class Columns:
    """The columns that grow; one thread at a time may append."""

    def __init__(self) -> None:
        self._size = 0
        self._sequence = GrowingArray(np.int64)
        self._checksum = GrowingArray(np.uint32)
        self._mask = GrowingArray(np.uint8)
        self._captured_at = GrowingArray(np.int64)
        self._labels = {name: GrowingTextColumn() for name in LABEL_NAMES}
        self._attributes = GrowingAttributes()

    def append(self, rows: Rows) -> None:
        """Append rows whose sequence numbers are above all that are there."""
        self._sequence.extend(rows.sequence)
        self._checksum.extend(rows.checksum)
        self._mask.extend(rows.mask)
        self._captured_at.extend(rows.captured_at)
        self._labels["identity"].append(rows.identity)
        self._labels["camera"].append(rows.camera)
        self._labels["scene"].append(rows.scene)
        self._attributes.append(rows.attributes)
        self._size += len(rows.sequence)

    def truncate(self, size: int) -> None:
        """Drop the rows from `size` on, also those that an append has added in part only.

        No view may reach beyond `size`.
        """
        for column in (self._sequence, self._checksum, self._mask, self._captured_at):
            column.truncate(size)
        for labels in self._labels.values():
            labels.truncate(size)
        self._attributes.truncate(size)
        self._size = size

    def view(self) -> ColumnView:
        """The rows appended so far."""
        return ColumnView(
            size=self._size,
            sequence=self._sequence.view(),
            checksum=self._checksum.view(),
            mask=self._mask.view(),
            captured_at=self._captured_at.view(),
            labels={name: labels.view() for name, labels in self._labels.items()},
            attributes=self._attributes.view(),
        )


@dataclass(frozen=True, slots=True)
class RecordRows:
    """Records as rows to append; `features` is (N, 3, D) float16."""

    sequence: NDArray[np.int64]
    checksum: NDArray[np.uint32]
    mask: NDArray[np.uint8]
    captured_at: NDArray[np.int64]
    identity: Sequence[str | None]
    camera: Sequence[str | None]
    scene: Sequence[str | None]
    attributes: Sequence[Mapping[str, AttributeValue]]
    features: NDArray[np.float16]

    @classmethod
    def of(cls, records: Sequence[Record]) -> RecordRows:
        """The rows of at least one record."""
        return cls(
            sequence=np.array([each.sequence for each in records], np.int64),
            checksum=np.array([features_checksum(each) for each in records], np.uint32),
            mask=np.array([mask_bits(each.mask) for each in records], np.uint8),
            captured_at=np.array([_time(each) for each in records], np.int64),
            identity=[each.identity for each in records],
            camera=[each.camera for each in records],
            scene=[each.scene for each in records],
            attributes=[each.attributes for each in records],
            features=np.stack([each.features for each in records]),
        )


def features_checksum(record: Record) -> int:
    """The CRC-32 of a record's features as they are stored, the column `checksum` of the store."""
    return zlib.crc32(encode_features(record.features, record.mask))


def _time(record: Record) -> int:
    return NO_TIME if record.captured_at is None else microseconds(record.captured_at)


def _chosen(parts: Sequence[NDArray[_Value]], kept: Sequence[NDArray[np.bool_]]) -> NDArray[_Value]:
    return np.concatenate([part[chosen] for part, chosen in zip(parts, kept, strict=True)])
