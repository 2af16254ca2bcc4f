from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from service.gallery.index import candidates
from service.gallery.index.index import SearchIndex
from service.gallery.index.recall import estimate_recall
from service.gallery.store.store import Change
from tests.service.gallery.builders import (
    FEATURE_SIZE,
    MASKS,
    addition,
    deletion,
    new_record,
    stored_record,
)
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy

# As many as there are candidates at least: nothing can be missed.
ROWS = 200


@pytest.fixture
def index() -> Iterator[SearchIndex]:
    with closing(SearchIndex(FEATURE_SIZE, seal_rows=100, exact_rows=10)) as index:
        yield index


def _changes(count: int) -> list[Change]:
    return [
        addition(stored_record(number, new_record(number, mask=MASKS[number % len(MASKS)])))
        for number in range(1, count + 1)
    ]


def _fill(index: SearchIndex, count: int = ROWS) -> None:
    for first in range(0, count, 50):
        index.apply(_changes(count)[first : first + 50])
    while index.step():
        pass


def test_a_gallery_of_few_records_is_exact_and_needs_no_estimate(index: SearchIndex) -> None:
    index.apply(_changes(50))
    assert estimate_recall(index, "shared", None) is None


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_what_is_always_found_gives_one(index: SearchIndex, policy: ResolvedPolicy) -> None:
    _fill(index)
    found = estimate_recall(index, policy, None, queries=30)
    assert found is not None
    assert (found.recall, found.margin) == (1.0, 0.0)
    # concat compares complete samples only, so others find nothing and are not counted.
    assert 0 < found.queries < 30 if policy == "concat" else found.queries == 30
    assert (found.results, found.records) == (20, ROWS)


def test_what_is_missed_lowers_it(index: SearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(index)
    monkeypatch.setattr(candidates, "candidates_for", lambda results, rows: min(results, rows))
    found = estimate_recall(index, "center", None, queries=30)
    assert found is not None
    assert 0.2 < found.recall < 0.9
    assert 0 < found.margin < 0.3


def test_deleted_records_are_neither_searched_for_nor_missed(index: SearchIndex) -> None:
    _fill(index)
    deleted = _changes(ROWS)[::2]
    index.apply(
        [
            deletion(ROWS + number, change.record)
            for number, change in enumerate(deleted, 1)
            if change.record is not None
        ]
    )
    found = estimate_recall(index, "shared", None, queries=30)
    assert found is not None
    assert (found.recall, found.records) == (1.0, ROWS // 2)


def test_records_that_are_not_sealed_do_not_count_as_missed(index: SearchIndex) -> None:
    _fill(index, ROWS)
    index.apply(_changes(ROWS + 40)[ROWS:])
    found = estimate_recall(index, "shared", None, queries=30)
    assert found is not None
    assert (found.recall, found.records) == (1.0, ROWS)


def test_all_records_are_asked_for_where_there_are_fewer_than_queries(index: SearchIndex) -> None:
    _fill(index, 100)
    found = estimate_recall(index, "shared", None, queries=1000)
    assert found is not None
    assert np.isfinite(found.margin)
    assert found.queries == 100
