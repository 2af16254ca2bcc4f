"""Many distinct texts as two arrays: their UTF-8 bytes one after another, and where each begins.

A million texts are a million times their bytes and eight more, and no Python objects. They are
sorted, so that a text is found and a range of texts is cut out by binary search. UTF-8 sorts as
Python sorts: by code point.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A text has up to 16 kB, so that this many at once take no more than a moderate array.
_GATHERED_AT_ONCE = 1024
_WORD = 8


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in any order: `data` uint8 (B,), text i being `data[offsets[i] : offsets[i + 1]]`.

    `offsets` is int64 (T + 1,).
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.data.nbytes + self.offsets.nbytes

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Texts in the order given."""
        encoded = [encoded_text(text) for text in texts]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(each) for each in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """The texts of all parts, one part after another."""
        offsets, end = [np.zeros(1, np.int64)], 0
        for part in parts:
            offsets.append(part.offsets[1:] + end)
            end += len(part.data)
        data = [np.empty(0, np.uint8), *(part.data for part in parts)]
        return cls(np.concatenate(data), np.concatenate(offsets))

    def encoded(self, position: int) -> bytes:
        """The UTF-8 bytes of one text."""
        return self.data[self.offsets[position] : self.offsets[position + 1]].tobytes()

    def text(self, position: int) -> str:
        """One text."""
        return self.encoded(position).decode("utf-8", "surrogatepass")

    def taken(self, positions: NDArray[np.integer]) -> Texts:
        """The texts at these positions, in their order."""
        starts = self.offsets[:-1][positions]
        lengths = self.offsets[1:][positions] - starts
        offsets = np.zeros(len(positions) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(int(offsets[-1]), np.uint8)
        for first in range(0, len(positions), _GATHERED_AT_ONCE):
            block = slice(first, first + _GATHERED_AT_ONCE)
            begin, end = int(offsets[first]), int(offsets[: block.stop + 1][-1])
            shifts = np.repeat(starts[block] - offsets[:-1][block], lengths[block])
            data[begin:end] = self.data[shifts + np.arange(begin, end)]
        return Texts(data, offsets)

    def first_from(self, text: str, start: int, stop: int, *, after: bool = False) -> int:
        """The first position in [start, stop), sorted there, whose text is not below `text`.

        With `after`, the first one above it. `stop` when there is none.
        """
        wanted = encoded_text(text)
        while start < stop:
            middle = (start + stop) // 2
            found = self.encoded(middle)
            if found < wanted or (after and found == wanted):
                start = middle + 1
            else:
                stop = middle
        return start

    def position(self, text: str, start: int = 0, stop: int | None = None) -> int | None:
        """Where a text is in [start, stop), sorted there; None when it is not there."""
        end = len(self) if stop is None else stop
        found = self.first_from(text, start, end)
        return found if found < end and self.encoded(found) == encoded_text(text) else None


def encoded_text(text: str) -> bytes:
    """The bytes by which a text is stored and compared; also of text that is not valid Unicode."""
    return text.encode("utf-8", "surrogatepass")


def distinct(
    texts: Texts, groups: NDArray[np.integer] | None = None
) -> tuple[Texts, NDArray[np.int64], NDArray[np.int64]]:
    """Sort texts and drop repeated ones, within groups (N,) where given, groups ascending.

    Returns the T sorted texts, for each text given its position among them (N,), and the position
    of one text given for each of them (T,).
    """
    ranks = _ranks(texts, groups)
    _, first, positions = np.unique(ranks, return_index=True, return_inverse=True)
    return texts.taken(first), positions.astype(np.int64), first.astype(np.int64)


def _ranks(texts: Texts, groups: NDArray[np.integer] | None) -> NDArray[np.int64]:
    """How many texts come before each (N,); equal texts have equal ranks.

    Sorted by eight bytes at a time, going on with those that are equal so far: arrays only, so
    that the interpreter stays free for searches.
    """
    ranks = np.zeros(len(texts), np.int64)
    if groups is not None and len(texts):
        _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - counts)[inverse].astype(np.int64)
    tied = np.arange(len(texts))
    depth = 0
    while len(tied):
        words, lengths = _words(texts, tied, depth)
        before = ranks[tied]
        order = np.lexsort((lengths, words, before))
        tied, words, lengths, before = tied[order], words[order], lengths[order], before[order]
        other_rank = _differs(before)
        other_text = other_rank | _differs(words) | _differs(lengths)
        ranks[tied] = before + _first_of_run(other_text) - _first_of_run(other_rank)
        alone = other_text & np.append(other_text[1:], True)
        tied = tied[~alone & (lengths == _WORD)]
        depth += _WORD
    return ranks


def _words(
    texts: Texts, positions: NDArray[np.int64], depth: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Eight bytes of each text from a depth on, as a number that sorts as they do; how many."""
    begin = texts.offsets[:-1][positions] + depth
    lengths = np.clip(texts.offsets[1:][positions] - begin, 0, _WORD)
    words = np.zeros(len(positions), np.uint64)
    last = max(0, len(texts.data) - 1)
    for index in range(_WORD):
        words <<= np.uint64(8)
        there = index < lengths
        if there.any():
            byte = texts.data[np.minimum(begin + index, last)]
            words |= np.where(there, byte, 0).astype(np.uint64)
    return words, lengths


def _differs(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which values (N,) differ from the one before; the first does."""
    differs = np.ones(len(values), np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs


def _first_of_run(starts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The index (N,) at which the run began that each element is in."""
    return np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
