"""Codes are made of the vectors that `vreid.fusion` defines, whatever modalities are missing."""

import numpy as np

from service.gallery.columns.columns import RecordRows
from service.gallery.index.index import SearchIndex
from service.gallery.index.sealed_segment import SealedSegment, _centers, segment_arrays, spaces_of
from service.gallery.store.rows import masks_of
from tests.service.gallery.builders import FEATURE_SIZE, MASKS, new_record, stored_record
from vreid.fusion import masked_center

ROWS = RecordRows.of(
    [stored_record(number, new_record(number, MASKS[number % 7])) for number in range(1, 301)]
)


def sealed(coded_rows: int) -> SealedSegment:
    index = SearchIndex(FEATURE_SIZE, seal_rows=300, coded_rows=coded_rows)
    index.append(ROWS, ROWS.features)
    index.step()
    (part,) = index.sealed_parts()
    index.close()
    assert isinstance(part.rows, SealedSegment)
    return part.rows


def test_centers_are_masked_centers() -> None:
    expected = masked_center(ROWS.features, masks_of(ROWS.mask))
    assert np.allclose(_centers(ROWS.features, ROWS.mask), expected, atol=1e-7)


def test_a_space_of_few_rows_has_no_codes() -> None:
    # Each of the seven masks has about 43 rows.
    assert set(sealed(50).spaces) == {0}
    assert set(sealed(40).spaces) == {0, 3, 5, 6, 7}
    assert sealed(301).spaces == {}


def test_what_was_written_answers_as_before() -> None:
    segment = sealed(8)
    arrays = segment_arrays(segment.columns, segment.spaces)
    again = spaces_of(arrays, segment.size, FEATURE_SIZE)
    assert set(again) == set(segment.spaces)
    for present, space in segment.spaces.items():
        vector = np.ones(space.codes.size, np.float32) / np.sqrt(space.codes.size)
        expected, found = (each.codes.nearest(vector, 9, None) for each in (space, again[present]))
        assert found[1].tolist() == expected[1].tolist()
        rows = again[present].rows
        assert (rows is None) == (space.rows is None)
        if rows is not None and space.rows is not None:
            assert rows.tolist() == space.rows.tolist()
