"""Checksums of rows of bytes: zero for zeros, another one for anything else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.gallery.files.row_checksums import row_checksums

ROWS = st.integers(1, 40).flatmap(
    lambda size: st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=20)
)


@given(ROWS, st.data())
def test_a_flipped_bit_changes_the_checksum_of_its_row_alone(
    rows: list[bytes], data: st.DataObject
) -> None:
    table = np.array([list(row) for row in rows], dtype=np.uint8)
    before = row_checksums(table)
    row = data.draw(st.integers(0, table.shape[0] - 1))
    column = data.draw(st.integers(0, table.shape[1] - 1))
    table[row, column] ^= 1 << data.draw(st.integers(0, 7))
    after = row_checksums(table)
    assert (before != after).nonzero()[0].tolist() == [row]


def test_rows_of_zeros_have_the_checksum_zero() -> None:
    assert row_checksums(np.zeros((3, 10), np.uint8)).tolist() == [0, 0, 0]


def test_words_that_change_places_are_noticed() -> None:
    rows = np.arange(1, 9, dtype=np.uint8)[None]
    assert row_checksums(rows) != row_checksums(np.roll(rows, 4, axis=1))


def test_many_rows_are_the_same_as_one_by_one() -> None:
    table = np.random.default_rng(0).integers(0, 256, (5000, 1030), dtype=np.uint8)
    each = [int(row_checksums(row[None])[0]) for row in table[::500]]
    assert row_checksums(table)[::500].tolist() == each
