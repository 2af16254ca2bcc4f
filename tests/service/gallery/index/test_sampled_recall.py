"""The cheap estimate of the recall, beside the true one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import pytest
from numpy.typing import NDArray

from service.gallery.index import sampled_recall
from service.gallery.index.index import SearchIndex
from service.gallery.index.parts import Part
from service.gallery.index.ranking import features_of
from service.gallery.index.recall import estimate_recall
from service.gallery.index.sampled_recall import sampled_share
from service.gallery.store.store import Change
from tests.service.gallery.builders import FEATURE_SIZE, addition, new_record, stored_record

ROWS = 4000
"""Twenty times the candidates: of vectors without any order, codes mislead about many."""

RESULTS = 20


def additions(count: int, mask: tuple[bool, bool, bool] = (True,) * 3) -> list[Change]:
    return [
        addition(stored_record(number, new_record(number, mask=mask)))
        for number in range(1, count + 1)
    ]


def sealed(index: SearchIndex, changes: list[Change]) -> SearchIndex:
    for first in range(0, len(changes), 1000):
        index.apply(changes[first : first + 1000])
        while index.step():
            pass
    return index


@pytest.fixture(scope="module")
def lossy() -> Iterator[SearchIndex]:
    with closing(SearchIndex(FEATURE_SIZE, seal_rows=1000)) as index:
        yield sealed(index, additions(ROWS))


def shares(index: SearchIndex, count: int) -> list[float]:
    generator = np.random.default_rng(7)
    found = [sampled_share(index, "shared", None, generator, RESULTS) for _ in range(count)]
    assert None not in found
    return [each for each in found if each is not None]


def test_it_agrees_with_the_true_recall_where_searches_miss_a_part(lossy: SearchIndex) -> None:
    true = estimate_recall(lossy, "shared", None, queries=200, results=RESULTS)
    assert true is not None
    assert 0.6 < true.recall < 0.95
    found = shares(lossy, 200)
    margin = 2 * float(np.std(found)) / math.sqrt(len(found))
    # Both are samples; four standard errors of their difference.
    allowed = 2 * math.hypot(true.margin, margin)
    assert allowed < 0.07
    assert abs(float(np.mean(found)) - true.recall) < allowed


def test_it_asks_about_every_part_of_the_gallery(
    lossy: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[int] = set()
    parts = lossy.sealed_parts()

    def noting(
        parts: Sequence[Part], numbers: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        asked.update(numbers.tolist())
        return features_of(parts, numbers, rows)

    monkeypatch.setattr(sampled_recall, "features_of", noting)
    shares(lossy, 40)
    assert len(parts) == 4
    assert asked == set(range(len(parts)))


def test_what_is_stored_meanwhile_is_in_neither_search() -> None:
    with closing(SearchIndex(FEATURE_SIZE, seal_rows=300)) as index:
        sealed(index, additions(300))
        before = shares(index, 20)
        index.apply(additions(350)[300:])
        assert shares(index, 20) == before


@pytest.mark.parametrize("rows", [0, 50, 200])
def test_where_all_is_exact_there_is_none(rows: int) -> None:
    with closing(SearchIndex(FEATURE_SIZE, seal_rows=100)) as index:
        sealed(index, additions(rows))
        assert index.is_exact
        assert sampled_share(index, "shared", None, np.random.default_rng(0), RESULTS) is None


def test_a_record_that_is_compared_with_nothing_says_nothing() -> None:
    with closing(SearchIndex(FEATURE_SIZE, seal_rows=300)) as index:
        sealed(index, additions(300, mask=(True, False, False)))
        share = sampled_share(index, "concat", None, np.random.default_rng(0), RESULTS)
        assert share is not None
        assert math.isnan(share)
