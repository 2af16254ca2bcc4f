"""A search with a filter ranks the records that pass it, whichever way they are looked for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.gallery.filters.filter import Filter
from service.gallery.index.index import SearchIndex
from service.gallery.query import Query
from service.gallery.record import AttributeValue, Record
from tests.service.gallery.builders import (
    FEATURE_SIZE,
    MASKS,
    addition,
    deletion,
    new_record,
    random_features,
    stored_record,
)
from tests.service.gallery.filter_strategies import LABELS, NAMES, NUMBERS, TEXTS, TIMES, filters
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy
from vreid.scoring import score

COUNT = 160


def make_records() -> list[Record]:
    """Records with the values that the filters ask for; values are missing here and there."""
    generator = np.random.default_rng(4)
    values: Sequence[AttributeValue] = (True, False, *NUMBERS, *TEXTS)

    def any_of(choices: Sequence[str] | Sequence[datetime]) -> str | datetime | None:
        index = int(generator.integers(len(choices) + 1))
        return choices[index] if index < len(choices) else None

    return [
        stored_record(
            sequence,
            new_record(
                features=random_features(generator),
                mask=MASKS[int(generator.integers(len(MASKS)))],
                identity=any_of(LABELS),
                camera=any_of(LABELS),
                scene=any_of(LABELS),
                captured_at=any_of(TIMES),
                attributes={
                    name: values[int(generator.integers(len(values)))]
                    for name in NAMES
                    if generator.random() < 0.6
                },
            ),
        )
        for sequence in range(1, COUNT + 1)
    ]


RECORDS = make_records()
DELETED = {record.sequence for record in RECORDS[::9]}
LIVE = [record for record in RECORDS if record.sequence not in DELETED]


def build(index: SearchIndex) -> SearchIndex:
    for first in range(0, COUNT, 10):
        index.apply([addition(record) for record in RECORDS[first : first + 10]])
        while index.step():
            pass
    gone = [record for record in RECORDS if record.sequence in DELETED]
    index.apply([deletion(number, record) for number, record in enumerate(gone, COUNT + 1)])
    while index.step():
        pass
    return index


coded = partial(SearchIndex, FEATURE_SIZE, exact_rows=0, tail_rows=4, coded_rows=5, seal_rows=30)
# Every row scored; through segments of float32; sealed, so few rows that codes overlook none; and
# sealed and merged. In the last two, some rows are left in the tail.
INDEXES = {
    "exact": build(SearchIndex(FEATURE_SIZE)),
    "flat": build(SearchIndex(FEATURE_SIZE, exact_rows=0, tail_rows=8)),
    "sealed": build(coded(merge_factor=100)),
    "merged": build(coded(merge_factor=3)),
}


@settings(max_examples=60, deadline=None)
@given(
    conditions=filters,
    seed=st.integers(0, 20),
    mask=st.sampled_from(MASKS),
    policy=st.sampled_from(RESOLVED_POLICIES),
    count=st.sampled_from([1, 5, COUNT]),
)
def test_the_ranking_is_that_of_the_records_that_pass(
    conditions: Filter,
    seed: int,
    mask: tuple[bool, bool, bool],
    policy: ResolvedPolicy,
    count: int,
) -> None:
    query = Query(random_features(np.random.default_rng(seed)), np.array(mask))
    passing = [record for record in LIVE if conditions.matches(record)]
    expected = brute_force(query, passing, policy)[:count]
    for how, index in INDEXES.items():
        hits = index.search(query, count, policy, None, conditions)
        assert (how, [hit.sequence for hit in hits]) == (how, expected)
        assert (how, index.count(conditions)) == (how, len(passing))
        listed = index.sequences_after(0, COUNT, conditions)
        assert (how, listed) == (how, [record.sequence for record in passing])


def brute_force(query: Query, records: Sequence[Record], policy: ResolvedPolicy) -> list[int]:
    """Sequence numbers of the comparable records, best first."""
    if not records:
        return []
    scores = score(
        query.features[None],
        query.mask[None],
        np.stack([record.features for record in records]),
        np.stack([record.mask for record in records]),
        policy,
    )
    order = np.argsort(-scores.ranking_key[0], kind="stable")
    return [records[row].sequence for row in order if scores.valid[0, row]]


def test_the_indexes_are_what_they_are_called() -> None:
    facts = {how: index.facts() for how, index in INDEXES.items()}
    assert facts["exact"].sealed_rows == facts["flat"].sealed_rows == 0
    assert facts["sealed"].sealed_segments == COUNT // 30
    assert 1 <= facts["merged"].sealed_segments < COUNT // 30
    assert facts["sealed"].tail_rows > 0
    assert facts["merged"].tail_rows > 0


def test_a_filter_is_the_same_whether_times_are_told_in_one_zone_or_another() -> None:
    utc = Filter(captured_from=datetime(2024, 5, 1, 10, tzinfo=UTC))
    assert [hit for hit in LIVE if utc.matches(hit)] == [
        record
        for record in LIVE
        if Filter.from_json({"captured_at": {"from": "2024-05-01T12:00:00+02:00"}}).matches(record)
    ]
