"""The ranking equals `vreid.scoring` over the whole gallery, whichever way it is found."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.gallery.filters.filter import Filter
from service.gallery.index.index import SearchIndex
from service.gallery.index.tail import TailView
from service.gallery.query import Query
from service.gallery.record import Record
from service.gallery.store.store import Change
from tests.service.gallery.builders import (
    FEATURE_SIZE,
    MASKS,
    addition,
    deletion,
    new_record,
    random_features,
    stored_record,
)
from vreid.calibration import Calibration, CalibrationTable
from vreid.contributions import contributions
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy
from vreid.scoring import score

CALIBRATION = Calibration(
    {
        "shared": CalibrationTable((-1.0, 0.2, 0.9, 1.0), (0.0, 0.05, 0.95, 1.0)),
        "center": CalibrationTable((-1.0, 0.5, 1.0), (0.0, 0.1, 0.6)),
    }
)
FILTER = Filter(camera=("1", "2"), exclude_scene=("s3",))


def make_records(count: int, seed: int = 0) -> list[Record]:
    """Records of a few vehicles, alike within a vehicle, some identical, masks of all kinds."""
    generator = np.random.default_rng(seed)
    vehicles = [random_features(generator) for _ in range(max(1, count // 10))]
    records = []
    for sequence in range(1, count + 1):
        features = vehicles[int(generator.integers(len(vehicles)))]
        if generator.random() < 0.7:
            features = features + 0.3 * random_features(generator)
        new = new_record(
            features=features,
            mask=MASKS[int(generator.integers(len(MASKS)))],
            camera=str(generator.integers(4)),
            scene=f"s{generator.integers(5)}",
        )
        records.append(stored_record(sequence, new))
    return records


def expected_ranking(
    query: Query,
    records: Sequence[Record],
    policy: ResolvedPolicy,
    calibration: Calibration | None,
) -> list[tuple[int, float, float | None]]:
    """Sequence, score and probability of every comparable record, best first."""
    if not records:
        return []
    scores = score(
        query.features[None],
        query.mask[None],
        np.stack([record.features for record in records]),
        np.stack([record.mask for record in records]),
        policy,
        calibration,
    )
    order = np.argsort(-scores.ranking_key[0], kind="stable")
    return [
        (
            records[row].sequence,
            float(scores.score[0, row]),
            None if scores.probability is None else float(scores.probability[0, row]),
        )
        for row in order
        if scores.valid[0, row]
    ]


RECORDS = make_records(300)
DELETED = {record.sequence for record in RECORDS[::7]}
LIVE = [record for record in RECORDS if record.sequence not in DELETED]


def build(index: SearchIndex) -> SearchIndex:
    """The index with all records added a few at a time, and every seventh deleted again."""
    for first in range(0, len(RECORDS), 23):
        index.apply([addition(record) for record in RECORDS[first : first + 23]])
    deleted = [record for record in RECORDS if record.sequence in DELETED]
    index.apply([deletion(number, record) for number, record in enumerate(deleted, 301)])
    return index


def sealed(index: SearchIndex) -> SearchIndex:
    """The index after all sealing and merging."""
    while index.step():
        pass
    return index


# Through FAISS, exactly, and through codes with features in a file.
INDEXES = {
    "proposed": build(SearchIndex(FEATURE_SIZE, exact_rows=0, tail_rows=32)),
    "exact": build(SearchIndex(FEATURE_SIZE)),
    "sealed": sealed(build(SearchIndex(FEATURE_SIZE, exact_rows=0, seal_rows=40, coded_rows=2))),
}


@pytest.mark.parametrize("how", INDEXES)
@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
@pytest.mark.parametrize("mask", MASKS)
def test_the_ranking_is_that_of_scoring_to_the_last_rank(
    how: str, policy: ResolvedPolicy, mask: tuple[bool, bool, bool]
) -> None:
    features = RECORDS[42].features + 0.1 * random_features(np.random.default_rng(9))
    query = Query(features.astype(np.float32), np.array(mask))
    for calibration in (CALIBRATION, None):
        for kept, conditions in ((LIVE, None), (_passing(LIVE), FILTER)):
            expected = expected_ranking(query, kept, policy, calibration)
            for count in (1, 7, len(RECORDS)):
                hits = INDEXES[how].search(query, count, policy, calibration, conditions)
                found = [(hit.sequence, hit.score, hit.probability) for hit in hits]
                assert found == expected[:count]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    k=st.integers(1, 70),
    tail=st.integers(1, 20),
    policy=st.sampled_from(RESOLVED_POLICIES),
    mask=st.sampled_from(MASKS),
    calibrated=st.booleans(),
)
def test_no_gallery_has_another_ranking(
    seed: int,
    count: int,
    k: int,
    tail: int,
    policy: ResolvedPolicy,
    mask: tuple[bool, bool, bool],
    calibrated: bool,
) -> None:
    records = make_records(count, seed)
    index = SearchIndex(FEATURE_SIZE, exact_rows=0, tail_rows=tail)
    for record in records:
        index.apply([addition(record)])
    generator = np.random.default_rng(seed)
    copied = (
        records[int(generator.integers(count))].features if count else random_features(generator)
    )
    features = copied if np.all(copied.any(axis=1)) else random_features(generator)
    query = Query(features, np.array(mask))
    calibration = CALIBRATION if calibrated else None
    hits = index.search(query, k, policy, calibration)
    found = [(hit.sequence, hit.score, hit.probability) for hit in hits]
    assert found == expected_ranking(query, records, policy, calibration)[:k]


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_contributions_are_those_of_scoring_and_sum_to_the_score(policy: ResolvedPolicy) -> None:
    query = Query(random_features(np.random.default_rng(1)), np.ones(3, bool))
    by_sequence = {record.sequence: record for record in RECORDS}
    for hit in INDEXES["proposed"].search(query, 20, policy, CALIBRATION):
        record = by_sequence[hit.sequence]
        assert hit.contributions == contributions(
            query.features, query.mask, record.features, record.mask, policy
        )
        assert sum(hit.contributions.values()) == pytest.approx(hit.score, abs=1e-9)


def test_equal_records_are_ranked_in_the_order_in_which_they_were_stored() -> None:
    index = SearchIndex(FEATURE_SIZE, exact_rows=0, tail_rows=8)
    index.apply([addition(stored_record(number, new_record(5))) for number in range(1, 41)])
    query = Query(random_features(np.random.default_rng(5)), np.ones(3, bool))
    hits = index.search(query, 10, "center", None)
    assert [hit.sequence for hit in hits] == list(range(1, 11))


@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_records_closer_than_float32_can_tell_are_ranked_exactly(policy: ResolvedPolicy) -> None:
    generator = np.random.default_rng(3)
    base = random_features(generator).astype(np.float16)
    records = []
    for sequence in range(1, 301):
        features = base.copy()
        modality, value = generator.integers(3), generator.integers(FEATURE_SIZE)
        features[modality, value] = np.nextafter(features[modality, value], np.float16(9))
        records.append(stored_record(sequence, new_record(features=features)))
    index = SearchIndex(FEATURE_SIZE, exact_rows=0, tail_rows=8)
    index.apply([addition(record) for record in records])
    query = Query(base + random_features(generator) * 0.01, np.ones(3, bool))
    expected = expected_ranking(query, records, policy, None)
    assert len({score for _, score, _ in expected}) > 20
    for count in (1, 5, 50):
        hits = index.search(query, count, policy, None)
        assert [(hit.sequence, hit.score) for hit in hits] == [
            (sequence, score) for sequence, score, _ in expected[:count]
        ]


def test_an_empty_index_finds_nothing() -> None:
    query = Query(random_features(np.random.default_rng(0)), np.ones(3, bool))
    for policy in RESOLVED_POLICIES:
        assert SearchIndex(FEATURE_SIZE).search(query, 5, policy, CALIBRATION) == []


def test_concat_compares_complete_samples_only() -> None:
    query = Query(random_features(np.random.default_rng(0)), np.array([True, False, True]))
    assert INDEXES["proposed"].search(query, 5, "concat", CALIBRATION) == []


def test_the_index_is_made_of_few_segments() -> None:
    index = SearchIndex(FEATURE_SIZE, tail_rows=4)
    for record in RECORDS:
        index.apply([addition(record)])
    (tail,) = index._state.parts
    assert isinstance(tail.rows, TailView)
    assert len(tail.rows.segments) <= 8


@pytest.mark.parametrize(
    "broken",
    [
        # One fails while rows are appended, the other after that.
        addition(replace(RECORDS[4], features=np.zeros((3, 5), np.float16))),
        Change(5, "delete", "no number", None),  # type: ignore[arg-type]
    ],
)
def test_changes_that_cannot_be_applied_leave_the_index_as_it_was(broken: Change) -> None:
    index = SearchIndex(FEATURE_SIZE)
    index.apply([addition(record) for record in RECORDS[:3]])
    lost = addition(replace(RECORDS[3], attributes={"kind": "bus"}))
    with pytest.raises(ValueError):  # noqa: PT011
        index.apply([lost, broken])
    assert (index.sequence, index.count()) == (3, 3)
    index.apply([addition(record) for record in RECORDS[3:20]])
    assert index.sequences_after(0, 100) == list(range(1, 21))
    assert index.count(Filter(attributes={"kind": ("bus",)})) == 0


@pytest.mark.parametrize("seal_rows", [40, 1000], ids=["sealed", "in the tail"])
def test_where_a_calibration_is_flat_the_cosine_still_decides(seal_rows: int) -> None:
    flat = CalibrationTable((-1.0, 1.0), (0.5, 0.5))
    calibration = Calibration({"shared": flat, "center": flat})
    generator = np.random.default_rng(5)
    alike = random_features(generator)
    query = Query(
        (alike + 0.2 * random_features(generator)).astype(np.float32), np.array([True, False, True])
    )
    records = []
    for sequence in range(1, 301):
        # One step of float16 in one value: cosines differ by less than float32 tells apart.
        features = alike.astype(np.float16)
        at = tuple(generator.integers(features.shape))
        features[at] = np.nextafter(features[at], np.float16(np.inf))
        new = new_record(features=features, mask=MASKS[sequence % len(MASKS)])
        records.append(stored_record(sequence, new))
    index = SearchIndex(FEATURE_SIZE, exact_rows=0, tail_rows=32, seal_rows=seal_rows, coded_rows=2)
    index.apply([addition(record) for record in records])
    sealed(index)
    assert len(index.sealed_parts()) == (1 if seal_rows == 40 else 0)
    expected = expected_ranking(query, records, "shared", calibration)
    assert len({probability for _, _, probability in expected}) > 30
    for count in (1, 5, 20, 300):
        hits = index.search(query, count, "shared", calibration)
        found = [(hit.sequence, hit.score, hit.probability) for hit in hits]
        assert found == expected[:count]
    index.close()


def _passing(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.camera in ("1", "2") and record.scene != "s3"]
