"""The attributes of many rows as arrays only: small, loaded at once, searched by halving.

For each kind of value there is one list of (attribute's name, value, row), sorted in this order:
the rows with a value, or with the values of a range, are a slice of it. Texts are replaced by their
positions in a sorted list of the attribute's texts. A row costs 5 to 12 bytes for each attribute, a
distinct text its UTF-8 bytes and 8 more, whatever the number of names and texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.attribute_values import KINDS, Kind, Range
from service.gallery.columns.sorted_texts import Texts, distinct
from service.gallery.record import AttributeValue

VALUE_TYPES: Mapping[Kind, type[np.generic]] = {
    "boolean": np.uint8,
    "number": np.float64,
    "text": np.int32,
}


@dataclass(frozen=True, slots=True)
class Entries:
    """Attributes of one kind in any order.

    Entry i says that row `rows[i]` has the attribute `names[i]`, a position among names, with
    `values[i]`, for texts a position among texts.
    """

    names: NDArray[np.int32]
    values: NDArray[Any]
    rows: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class SortedEntries:
    """Attributes of one kind, those of name a at `starts[a]` to `starts[a + 1]`, by value and row.

    `starts` int64 (A + 1,), `values` (M,), `rows` int32 (M,).
    """

    starts: NDArray[np.int64]
    values: NDArray[Any]
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, entries: Entries, names: int) -> SortedEntries:
        """The entries of so many names."""
        order = np.lexsort((entries.rows, entries.values, entries.names))
        starts = np.searchsorted(entries.names[order], np.arange(names + 1))
        return cls(starts.astype(np.int64), entries.values[order], entries.rows[order])

    def rows_of(self, name: int) -> NDArray[np.int32]:
        """Rows that have the attribute."""
        return self.rows[self.starts[name] : self.starts[name + 1]]

    def slice_of(self, name: int, low: float, stop: float) -> NDArray[np.int32]:
        """Rows with a value from `low` on and below `stop`."""
        first, last = self.starts[name], self.starts[name + 1]
        # Limits of another type would have NumPy convert all values first.
        limits = np.array([low, stop], dtype=self.values.dtype)
        begin, end = np.searchsorted(self.values[first:last], limits)
        return self.rows[first + begin : first + end]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.starts.nbytes + self.values.nbytes + self.rows.nbytes

    def kept(self, new_rows: NDArray[np.int32]) -> Entries:
        """The entries of the rows (N,) whose new number is not negative."""
        rows = new_rows[self.rows]
        names = np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))
        kept = rows >= 0
        return Entries(names[kept], self.values[kept], rows[kept])


@dataclass(frozen=True, slots=True)
class AttributeColumns:
    """The attributes of `size` rows, unchanging.

    `names` are sorted. `texts` are sorted for each name: those of name a are at `text_starts[a]` to
    `text_starts[a + 1]`, int64 (A + 1,).
    """

    size: int
    names: Texts
    entries: Mapping[Kind, SortedEntries]
    texts: Texts
    text_starts: NDArray[np.int64]

    @classmethod
    def merged(
        cls, parts: Sequence[tuple[AttributeColumns, NDArray[np.bool_]]]
    ) -> AttributeColumns:
        """The kept rows (n,) of each part, one part after another.

        Names and texts that no kept row has are dropped.
        """
        size, names_before, texts_before = 0, 0, 0
        found: dict[Kind, list[Entries]] = {kind: [] for kind in KINDS}
        for part, kept in parts:
            new_rows = np.where(kept, np.cumsum(kept) + (size - 1), -1).astype(np.int32)
            for kind, entries in part.entries.items():
                remaining = entries.kept(new_rows)
                values = remaining.values + texts_before if kind == "text" else remaining.values
                found[kind].append(Entries(remaining.names + names_before, values, remaining.rows))
            size += int(kept.sum())
            names_before += len(part.names)
            texts_before += len(part.texts)
        return sorted_columns(
            size,
            Texts.joined([part.names for part, _ in parts]),
            {kind: joined_entries(listed, kind) for kind, listed in found.items()},
            Texts.joined([part.texts for part, _ in parts]),
        )

    def equal(self, name: str, values: Iterable[AttributeValue]) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute with one of the values."""
        found = np.zeros(self.size, np.bool_)
        position = self.names.position(name)
        if position is None:
            return found
        for value in values:
            if isinstance(value, str):
                start, stop = self.text_starts[position : position + 2]
                code = self.texts.position(value, int(start), int(stop))
                if code is not None:
                    found[self.entries["text"].slice_of(position, code, code + 1)] = True
            elif isinstance(value, bool):
                found[self.entries["boolean"].slice_of(position, value, value + 1)] = True
            else:
                after = float(np.nextafter(value, np.inf))
                found[self.entries["number"].slice_of(position, value, after)] = True
        return found

    def between(self, name: str, values: Range) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute with a value in the range."""
        found = np.zeros(self.size, np.bool_)
        position = self.names.position(name)
        if position is None:
            return found
        limits = self._text_limits if values.kind == "text" else _number_limits
        low, stop = limits(position, values)
        if low < stop:
            found[self.entries[values.kind].slice_of(position, low, stop)] = True
        return found

    def present(self, name: str) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute, whatever its value."""
        found = np.zeros(self.size, np.bool_)
        position = self.names.position(name)
        if position is not None:
            for entries in self.entries.values():
                found[entries.rows_of(position)] = True
        return found

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return (
            self.names.nbytes
            + self.texts.nbytes
            + self.text_starts.nbytes
            + sum(entries.nbytes for entries in self.entries.values())
        )

    def _text_limits(self, position: int, values: Range) -> tuple[float, float]:
        start, stop = (int(each) for each in self.text_starts[position : position + 2])
        low, high = start, stop
        if isinstance(values.low, str):
            low = self.texts.first_from(values.low, start, stop, after=not values.includes_low)
        if isinstance(values.high, str):
            high = self.texts.first_from(values.high, start, stop, after=values.includes_high)
        return low, high


def sorted_columns(
    size: int, names: Texts, entries: Mapping[Kind, Entries], texts: Texts
) -> AttributeColumns:
    """The columns of entries over names and texts in any order, repeated ones allowed."""
    listed = [each.names for each in entries.values()]
    used_names = np.unique(np.concatenate(listed))
    sorted_names, new_names, _ = distinct(names.taken(used_names))
    renamed = {
        kind: Entries(
            new_names[np.searchsorted(used_names, each.names)].astype(np.int32),
            each.values,
            each.rows,
        )
        for kind, each in entries.items()
    }
    coded, sorted_texts, text_starts = _coded(renamed["text"], texts, len(sorted_names))
    renamed["text"] = coded
    return AttributeColumns(
        size,
        sorted_names,
        {kind: SortedEntries.of(each, len(sorted_names)) for kind, each in renamed.items()},
        sorted_texts,
        text_starts,
    )


def _coded(entries: Entries, texts: Texts, names: int) -> tuple[Entries, Texts, NDArray[np.int64]]:
    """Entries with the texts of each name sorted, these texts, and where each name's begin."""
    # One text of two names is two texts here, so that each name's lie together.
    pairs = entries.names.astype(np.int64) * max(1, len(texts)) + entries.values
    used, codes = np.unique(pairs, return_inverse=True)
    groups = used // max(1, len(texts))
    sorted_texts, new_codes, first = distinct(texts.taken(used % max(1, len(texts))), groups)
    starts = np.searchsorted(groups[first], np.arange(names + 1)).astype(np.int64)
    values = new_codes[codes].astype(np.int32)
    return Entries(entries.names, values, entries.rows), sorted_texts, starts


def joined_entries(parts: Sequence[Entries], kind: Kind) -> Entries:
    """The entries of all parts, one part after another."""
    return Entries(
        np.concatenate([np.empty(0, np.int32), *(part.names for part in parts)]),
        np.concatenate([np.empty(0, VALUE_TYPES[kind]), *(part.values for part in parts)]),
        np.concatenate([np.empty(0, np.int32), *(part.rows for part in parts)]),
    )


def _number_limits(_: int, values: Range) -> tuple[float, float]:
    low = -np.inf if values.low is None else float(values.low)
    stop = np.inf if values.high is None else float(values.high)
    if not values.includes_low:
        low = float(np.nextafter(low, np.inf))
    if values.includes_high:
        stop = float(np.nextafter(stop, np.inf))
    return low, stop
