"""One text or none for each row: the labels of records, growing or frozen.

Growing, a text is found through a dictionary. Frozen, there are only arrays: a code for each row
and the distinct texts sorted, so that a million distinct labels cost little and load at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.growing_array import GrowingArray
from service.gallery.columns.sorted_texts import Texts, distinct

NO_TEXT = -1


class TextRows(Protocol):
    """Which rows carry a text; what filters ask of a column, growing or frozen."""

    def equal(self, values: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the texts."""
        ...

    def present(self) -> NDArray[np.bool_]:
        """Which rows (N,) carry any text."""
        ...


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Frozen: `codes` int32 (N,), positions in the sorted `texts`, or NO_TEXT."""

    codes: NDArray[np.int32]
    texts: Texts

    @classmethod
    def merged(cls, parts: Sequence[tuple[TextColumn, NDArray[np.bool_]]]) -> TextColumn:
        """The kept rows (n,) of each part, one part after another; texts of no row are dropped."""
        codes, texts, end = [np.empty(0, np.int64)], list[Texts](), 0
        for part, kept in parts:
            remaining = part.codes[kept].astype(np.int64)
            labelled = remaining != NO_TEXT
            used, position = np.unique(remaining[labelled], return_inverse=True)
            remaining[labelled] = position + end
            codes.append(remaining)
            texts.append(part.texts.taken(used))
            end += len(used)
        merged, positions, _ = distinct(Texts.joined(texts))
        return cls(_renumbered(np.concatenate(codes), positions), merged)

    def equal(self, values: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the texts."""
        wanted = np.zeros(len(self.texts) + 1, np.bool_)
        for value in values:
            code = self.texts.position(value)
            if code is not None:
                wanted[code] = True
        # NO_TEXT is the last one, which nobody wants.
        return wanted[self.codes]

    def present(self) -> NDArray[np.bool_]:
        """Which rows (N,) carry any text."""
        present: NDArray[np.bool_] = self.codes != NO_TEXT
        return present

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.codes.nbytes + self.texts.nbytes


@dataclass(frozen=True, slots=True)
class GrowingTextView:
    """The rows of a growing column when the view was taken; `codes` int32 (N,)."""

    codes: NDArray[np.int32]
    _known: Mapping[str, int]

    def equal(self, values: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows (N,) carry one of the texts."""
        return np.isin(self.codes, [self._known[value] for value in values if value in self._known])

    def present(self) -> NDArray[np.bool_]:
        """Which rows (N,) carry any text."""
        present: NDArray[np.bool_] = self.codes != NO_TEXT
        return present

    def frozen(self) -> TextColumn:
        """The same rows as arrays only."""
        used, position = np.unique(self.codes[self.codes != NO_TEXT], return_inverse=True)
        known = list(self._known)
        texts, positions, _ = distinct(Texts.of(known[code] for code in used))
        codes = self.codes.astype(np.int64)
        codes[codes != NO_TEXT] = position
        return TextColumn(_renumbered(codes, positions), texts)


class GrowingTextColumn:
    """Growing at its end; one thread at a time may append, views do not change."""

    def __init__(self) -> None:
        self._codes = GrowingArray(np.int32)
        self._known: dict[str, int] = {}

    def append(self, values: Iterable[str | None]) -> None:
        """Append one row for each text, or none."""
        known = self._known
        codes = [
            NO_TEXT if value is None else known.setdefault(value, len(known)) for value in values
        ]
        self._codes.extend(np.array(codes, dtype=np.int32))

    def truncate(self, size: int) -> None:
        """Drop the rows from `size` on. No view may reach beyond it."""
        self._codes.truncate(size)

    def view(self) -> GrowingTextView:
        """The rows so far."""
        return GrowingTextView(self._codes.view(), self._known)


def _renumbered(codes: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.int32]:
    """Codes (N,), NO_TEXT staying, each replaced by its position."""
    labelled = codes != NO_TEXT
    renumbered = np.full(len(codes), NO_TEXT, np.int32)
    renumbered[labelled] = positions[codes[labelled]]
    return renumbered
