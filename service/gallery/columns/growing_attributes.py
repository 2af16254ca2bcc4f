"""The attributes of the newest rows, appended to while they are searched.

Values lie in the order of their rows and are compared all at once, which suits some thousand rows;
more are frozen into `AttributeColumns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.attribute_values import KINDS, Kind, Range, kind_of
from service.gallery.columns.attributes import (
    VALUE_TYPES,
    AttributeColumns,
    Entries,
    joined_entries,
    sorted_columns,
)
from service.gallery.columns.growing_array import GrowingArray
from service.gallery.columns.sorted_texts import Texts
from service.gallery.record import AttributeValue


class GrowingEntries:
    """Values of one kind of one attribute and their rows; texts as numbers, in `known`."""

    def __init__(self, kind: Kind) -> None:
        self.known: dict[str, int] = {}
        self._values = GrowingArray(VALUE_TYPES[kind])
        self._rows = GrowingArray(np.int32)

    def append(self, rows: Sequence[int], values: Sequence[AttributeValue]) -> None:
        """Append the values of rows, ascending, that are above all that are there."""
        known = self.known
        stored = [
            known.setdefault(value, len(known)) if isinstance(value, str) else value
            for value in values
        ]
        # The values first: a row that is seen has one.
        self._values.extend(np.array(stored))
        self._rows.extend(np.array(rows))

    def truncate(self, size: int) -> None:
        """Drop the rows from `size` on."""
        kept = int(np.searchsorted(self._rows.view(), size))
        self._rows.truncate(kept)
        self._values.truncate(kept)

    def below(self, size: int) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """The rows (M,) below `size`, ascending, and the value (M,) of each."""
        rows = self._rows.view()
        rows = rows[: np.searchsorted(rows, size)]
        return rows, self._values.view()[: len(rows)]


Growing = Mapping[tuple[str, Kind], GrowingEntries]


@dataclass(frozen=True, slots=True)
class GrowingAttributesView:
    """The first `size` rows, unchanging."""

    size: int
    _entries: Growing = field(repr=False)

    def equal(self, name: str, values: Iterable[AttributeValue]) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute with one of the values."""
        found = np.zeros(self.size, np.bool_)
        wanted: dict[Kind, list[AttributeValue]] = {}
        for value in values:
            wanted.setdefault(kind_of(value), []).append(value)
        for kind, listed in wanted.items():
            entries = self._entries.get((name, kind))
            if entries is not None:
                rows, held = entries.below(self.size)
                known = entries.known
                stored: list[Any] = (
                    [known[text] for text in listed if text in known] if kind == "text" else listed
                )
                found[rows[np.isin(held, stored)]] = True
        return found

    def between(self, name: str, values: Range) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute with a value in the range."""
        found = np.zeros(self.size, np.bool_)
        entries = self._entries.get((name, values.kind))
        if entries is None:
            return found
        rows, held = entries.below(self.size)
        if values.kind == "text":
            codes = [code for text, code in list(entries.known.items()) if values.contains(text)]
            found[rows[np.isin(held, codes)]] = True
        else:
            found[rows[_numbers_in(held, values)]] = True
        return found

    def present(self, name: str) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute, whatever its value."""
        found = np.zeros(self.size, np.bool_)
        for kind in KINDS:
            entries = self._entries.get((name, kind))
            if entries is not None:
                found[entries.below(self.size)[0]] = True
        return found

    def frozen(self) -> AttributeColumns:
        """The same rows as arrays only."""
        names, texts = list[str](), list[Texts]()
        found: dict[Kind, list[Entries]] = {kind: [] for kind in KINDS}
        texts_before = 0
        for (name, kind), entries in list(self._entries.items()):
            rows, values = entries.below(self.size)
            if kind == "text":
                known = Texts.of(list(entries.known))
                texts.append(known)
                values = values + texts_before
                texts_before += len(known)
            found[kind].append(Entries(np.full(len(rows), len(names), np.int32), values, rows))
            names.append(name)
        return sorted_columns(
            self.size,
            Texts.of(names),
            {kind: joined_entries(listed, kind) for kind, listed in found.items()},
            Texts.joined(texts),
        )


class GrowingAttributes:
    """Growing at its end; one thread at a time may append, views do not change."""

    def __init__(self) -> None:
        self._size = 0
        self._entries: dict[tuple[str, Kind], GrowingEntries] = {}

    def append(self, rows: Sequence[Mapping[str, AttributeValue]]) -> None:
        """Append the attributes of rows."""
        found: dict[tuple[str, Kind], tuple[list[int], list[AttributeValue]]] = {}
        for row, attributes in enumerate(rows, self._size):
            for name, value in attributes.items():
                numbers, values = found.setdefault((name, kind_of(value)), ([], []))
                numbers.append(row)
                values.append(value)
        for key, (numbers, values) in found.items():
            entries = self._entries.get(key)
            if entries is None:
                entries = self._entries[key] = GrowingEntries(key[1])
            entries.append(numbers, values)
        self._size += len(rows)

    def truncate(self, size: int) -> None:
        """Drop the rows from `size` on, also those that an append has added in part only.

        No view may reach beyond `size`.
        """
        for entries in self._entries.values():
            entries.truncate(size)
        self._size = min(self._size, size)

    def view(self) -> GrowingAttributesView:
        """The rows so far."""
        return GrowingAttributesView(self._size, self._entries)


def _numbers_in(held: NDArray[np.float64], values: Range) -> NDArray[np.bool_]:
    inside = np.ones(len(held), np.bool_)
    if values.low is not None:
        low = float(values.low)
        inside &= (held >= low) if values.includes_low else (held > low)
    if values.high is not None:
        high = float(values.high)
        inside &= (held <= high) if values.includes_high else (held < high)
    return inside
