"""Segments of the tail compare float32 vectors, of any modalities that two samples share."""

from itertools import pairwise

import numpy as np
import pytest

from service.gallery.columns.columns import RecordRows
from service.gallery.index.segments import CENTERS, Segment, Space, build_segment, with_segment
from tests.service.gallery.builders import (
    FEATURE_SIZE,
    MASKS,
    new_record,
    random_features,
    stored_record,
)
from vreid.scoring import score

ROWS = 2000


@pytest.fixture(scope="module")
def rows() -> RecordRows:
    return RecordRows.of(
        [stored_record(number, new_record(number, MASKS[number % 7])) for number in range(ROWS)]
    )


@pytest.mark.parametrize(
    ("present", "common"),
    [
        (present, common)
        for present in (3, 5, 6, 7)
        for common in range(1, 8)
        if common & present == common
    ],
)
def test_a_segment_knows_the_cosine_of_any_shared_modalities(
    rows: RecordRows, present: int, common: int
) -> None:
    segment = build_segment(0, rows.features, rows.mask)
    features = random_features(np.random.default_rng(1))
    vector = features[np.array(MASKS[common - 1])].reshape(-1)
    vector /= np.linalg.norm(vector)
    eligible = np.arange(ROWS) % 3 > 0
    cosines, found = segment.nearest(Space(present, common), vector, 25, eligible)
    expected = np.flatnonzero((rows.mask == present) & eligible)
    exact = score(
        features[None],
        np.array(MASKS[common - 1])[None],
        rows.features[expected],
        np.array(MASKS[present - 1])[None].repeat(len(expected), axis=0),
        "shared",
    ).score[0]
    order = np.argsort(-exact, kind="stable")[:25]
    assert found.tolist() == expected[order].tolist()
    assert np.allclose(cosines, exact[order], atol=1e-6)


def test_a_segment_answers_only_with_eligible_rows(rows: RecordRows) -> None:
    segment = build_segment(0, rows.features[:100], rows.mask[:100])
    eligible = np.zeros(ROWS, dtype=np.bool_)
    eligible[[5, 6, 50, 150]] = True
    vector = np.ones(FEATURE_SIZE, np.float32)
    scores, found = segment.nearest(CENTERS, vector, 10, eligible)
    assert sorted(found.tolist()) == [5, 6, 50]
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_merged_segments_answer_as_one(rows: RecordRows) -> None:
    whole = build_segment(0, rows.features[:90], rows.mask[:90])
    parts = with_segment((), build_segment(0, rows.features[:50], rows.mask[:50]))
    parts = with_segment(parts, build_segment(50, rows.features[50:90], rows.mask[50:90]))
    assert len(parts) == 1
    eligible = np.ones(ROWS, dtype=np.bool_)
    for space, size in ((CENTERS, 1), (Space(7, 7), 3), (Space(7, 3), 2), (Space(5, 4), 1)):
        vector = np.random.default_rng(0).normal(size=size * FEATURE_SIZE).astype(np.float32)
        expected, found = (each.nearest(space, vector, 9, eligible) for each in (whole, parts[0]))
        assert found[1].tolist() == expected[1].tolist()
        assert np.allclose(found[0], expected[0])


def test_segments_are_each_over_twice_as_large_as_the_next(rows: RecordRows) -> None:
    segments: tuple[Segment, ...] = ()
    for start in range(0, 70, 10):
        part = slice(start, start + 10)
        new = build_segment(start, rows.features[part], rows.mask[part])
        segments = with_segment(segments, new)
        sizes = [segment.size for segment in segments]
        assert all(larger > 2 * smaller for larger, smaller in pairwise(sizes))
        assert [segment.start for segment in segments] == [
            sum(sizes[:position]) for position in range(len(sizes))
        ]
