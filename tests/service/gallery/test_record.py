import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from service.errors import InvalidRecord
from service.gallery.record import NewRecord, make_id
from tests.service.gallery.builders import new_record, random_features


def test_features_are_kept_as_float16_with_zeros_where_a_modality_is_missing() -> None:
    features = random_features(np.random.default_rng(0))
    record = NewRecord(features=features, mask=np.array([True, False, True]))
    assert record.features.dtype == np.float16
    assert np.array_equal(record.features[[0, 2]], features[[0, 2]])
    assert not record.features[1].any()


def test_rows_of_missing_modalities_may_hold_anything() -> None:
    features = random_features(np.random.default_rng(0))
    features[1] = np.nan
    assert np.isfinite(
        NewRecord(features=features, mask=np.array([True, False, True])).features
    ).all()


def test_a_time_becomes_utc() -> None:
    noon_in_india = datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    record = new_record(captured_at=noon_in_india)
    assert record.captured_at == datetime(2024, 5, 1, 6, 30, tzinfo=UTC)
    assert record.captured_at is not None
    assert record.captured_at.tzinfo is UTC


def test_a_record_does_not_change_with_the_arrays_it_was_made_from() -> None:
    features, mask = random_features(np.random.default_rng(0)), np.array([True, True, False])
    record = NewRecord(features=features, mask=mask)
    before = record.features.copy()
    features[:] = 9
    mask[:] = True
    assert np.array_equal(record.features, before)
    assert record.mask.tolist() == [True, True, False]
    with pytest.raises(ValueError, match="read-only"):
        record.features[0, 0] = 1


@pytest.mark.parametrize("record_id", ["a", "0001_s001_v3_004", "site:7@gate-2.north", "x" * 128])
def test_ids_that_fit_a_url_path_are_accepted(record_id: str) -> None:
    assert new_record(id=record_id).id == record_id


@pytest.mark.parametrize("record_id", ["", "a b", "../x", ".hidden", "a/b", "ä", "x" * 129, "a\n"])
def test_other_ids_are_refused(record_id: str) -> None:
    with pytest.raises(InvalidRecord, match="id"):
        new_record(id=record_id)


def test_made_ids_are_valid_different_and_sort_by_time() -> None:
    ids = [make_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch(r"[0-9a-f-]{36}", each) for each in ids)
    assert [each[:13] for each in ids] == sorted(each[:13] for each in ids)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("identity", ""),
        ("identity", "   "),
        ("camera", "x" * 257),
        ("camera", 2),
        ("scene", "a\x00b"),
        ("captured_at", datetime(2024, 5, 1)),
        ("captured_at", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))),
        ("attributes", {"": 1}),
        ("attributes", {"a": None}),
        ("attributes", {"a": [1]}),
        ("attributes", {"a": float("nan")}),
        ("attributes", {"a": 2**60}),
        ("attributes", {"a": "\ud800"}),
        ("attributes", {str(number): 1 for number in range(65)}),
        ("attributes", {"a": "x" * 20_000}),
        ("attributes", [("a", 1)]),
    ],
)
def test_a_field_that_cannot_be_stored_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidRecord, match=f"(?i){field[:9]}"):
        new_record(0, (True, True, True), **{field: value})


@pytest.mark.parametrize("mask", [np.zeros(3, bool), np.ones(2, bool), np.ones(3, np.int64)])
def test_a_mask_is_three_booleans_with_at_least_one_true(mask: object) -> None:
    with pytest.raises(InvalidRecord, match="mask"):
        new_record(mask=mask)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_features_that_float16_cannot_hold_are_refused(value: float) -> None:
    features = random_features(np.random.default_rng(0))
    features[2, 3] = value
    with pytest.raises(InvalidRecord, match="tir features"):
        NewRecord(features=features, mask=np.ones(3, bool))


def test_features_without_direction_are_refused() -> None:
    features = random_features(np.random.default_rng(0))
    features[0] = 0
    with pytest.raises(InvalidRecord, match="rgb features are all zero"):
        NewRecord(features=features, mask=np.ones(3, bool))


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidRecord, match=r"\(2, 12\)"):
        NewRecord(features=np.ones((2, 12)), mask=np.ones(3, bool))
