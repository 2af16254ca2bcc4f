"""Storing the records of one file: those that the gallery lacks, each content once.

Machines that index parts of an archive do not see each other's parts, so two of them make records
of the same content, under different ids. `vreid index` makes one of it, and so does an import: a
row whose content hash the gallery has under another id is known. Where the file itself has a
content several times, its gallery had it so on purpose (over HTTP), and all of it is stored.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from service.errors import DuplicateRecord
from service.gallery.store.blocks import RecordBlock
from service.gallery.store.store import GalleryStore
from service.transfer.checking import CheckedRows, RejectedRow, without_repeated_ids

_TAKEN = (
    "The gallery has another record with this id; give this one another id, or delete that one "
    "first."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some rows.

    `added` were stored; `same` were in the gallery; of `known_content` it has the content under
    another id; `taken` have the id of another record.
    """

    added: int
    same: int
    known_content: int
    taken: Sequence[RejectedRow]


class Storing:
    """Stores the rows of one file in order, and remembers what content came from it."""

    def __init__(self, store: GalleryStore) -> None:
        self._store = store
        # Eight bytes for each content: a file may have millions.
        self._of_file = array("q")

    def store(self, found: CheckedRows) -> Outcome:
        """Store what is new. Raises `GalleryError`."""
        added = same = known = 0
        taken: list[RejectedRow] = []
        for rows in without_repeated_ids(found.block):
            block = found.block.rows(rows)
            are_same, are_known, are_others = self._store_block(block)
            added += len(block) - len(are_same) - len(are_known) - len(are_others)
            same += len(are_same)
            known += len(are_known)
            taken += [
                RejectedRow(found.numbers[rows[at]], block.id[at], _TAKEN) for at in are_others
            ]
        return Outcome(added, same, known, taken)

    def _store_block(self, block: RecordBlock) -> tuple[list[int], list[int], list[int]]:
        """Store what is new; the rows that are there, whose content is, and whose id is."""
        while True:
            same, others = self._store.compare_block(block)
            there = {*same, *others}
            lacking = [row for row in range(len(block)) if row not in there]
            stored = self._store.known_content(_hashes(block, lacking))
            foreign = stored - self._from_file(stored)
            first_same = _first_rows(block, same)
            known = [
                row
                for row in lacking
                if (content := block.content_hash[row]) in foreign
                and first_same.get(content, row) >= row
            ]
            new = sorted({*lacking} - {*known})
            try:
                if new:
                    self._store.add_block(block.rows(new), _hashes(block, new) - stored)
            except DuplicateRecord:
                # Another process stored one of them in between: compared again, it is there.
                continue
            self._of_file.extend(map(hash, _hashes(block, [*same, *new])))
            return same, known, others

    def _from_file(self, hashes: Iterable[str]) -> set[str]:
        """Those of the hashes that an earlier row of the file has which is in the gallery now."""
        listed = list(hashes)
        if not listed:
            return set()
        wanted = np.array([hash(each) for each in listed], dtype=np.int64)
        found = np.isin(wanted, np.asarray(self._of_file, dtype=np.int64))
        return {each for each, is_found in zip(listed, found.tolist(), strict=True) if is_found}


def _first_rows(block: RecordBlock, rows: Iterable[int]) -> dict[str | None, int]:
    """The first of the rows (ascending) that has each content."""
    return {block.content_hash[row]: row for row in sorted(rows, reverse=True)}


def _hashes(block: RecordBlock, rows: Iterable[int]) -> set[str]:
    return {found for row in rows if (found := block.content_hash[row]) is not None}
