import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.search.thresholds import Judge, Thresholds, all_of, any_of
from tests.service.gallery.builders import MASKS
from tests.service.search.matches import CALIBRATION, RATE, matched
from vreid.calibration import Calibration, CalibrationTable
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy
from vreid.scoring import EXCLUDED_KEY

COMPLETE = (True, True, True)


def judge(
    thresholds: Thresholds,
    calibration: Calibration | None = CALIBRATION,
    mask: tuple[bool, bool, bool] = COMPLETE,
    policy: ResolvedPolicy = "shared",
) -> Judge:
    return Judge(thresholds, np.array(mask), policy, calibration)


@settings(deadline=None)
@given(
    policy=st.sampled_from(RESOLVED_POLICIES),
    query_mask=st.sampled_from(MASKS),
    calibration=st.sampled_from(
        [CALIBRATION, None, Calibration({"shared": CALIBRATION.tables["shared"]})]
    ),
    min_score=st.none() | st.floats(-1, 1),
    min_probability=st.none() | st.floats(0, 1),
    rate=st.sampled_from([None, RATE, 0.5]),
)
def test_no_record_below_the_lowest_key_is_a_match(
    policy: ResolvedPolicy,
    query_mask: tuple[bool, bool, bool],
    calibration: Calibration | None,
    min_score: float | None,
    min_probability: float | None,
    rate: float | None,
) -> None:
    thresholds = Thresholds(min_score, min_probability, rate, cuts=True)
    judging = judge(thresholds, calibration, query_mask, policy)
    lowest = judging.lowest_key()
    for number, mask in enumerate(MASKS * 3):
        found = matched(number, mask, query_mask=query_mask, policy=policy, calibration=calibration)
        if found is not None and judging.verdict(found) is not False:
            assert found.key >= lowest


def test_the_lowest_key_spares_looking_at_what_cannot_match() -> None:
    assert judge(Thresholds(0.5, None, None, cuts=True), None).lowest_key() > 0.49
    assert judge(Thresholds(None, 0.9, None, cuts=True)).lowest_key() > 0.89
    assert judge(Thresholds(None, None, RATE, cuts=True)).lowest_key() > 0.1
    concat = judge(Thresholds(None, 0.9, None, cuts=True), policy="concat")
    assert concat.lowest_key() == pytest.approx(0.864, abs=1e-2)
    assert judge(Thresholds(None, None, RATE, cuts=False)).lowest_key() == EXCLUDED_KEY


def test_each_pair_is_judged_by_the_threshold_of_what_is_compared() -> None:
    judging = judge(Thresholds(None, None, RATE, cuts=True))
    rgb_only = judging.key_of(np.array([True, False, False]))
    both = judging.key_of(np.array([True, True, False]))
    assert (rgb_only, both) == ("shared:rgb", "shared:rgb+nir")
    assert judging.score_needed(rgb_only) == 0.5
    assert judging.score_needed(both) == 0.3
    assert judging.reason() is None


def test_every_condition_has_to_hold() -> None:
    found = matched(1, calibration=CALIBRATION)
    assert found is not None
    assert found.probability is not None
    for score, probability in ((0.1, 0.0), (0.0, 0.01)):
        low = Thresholds(found.score - score, found.probability - probability, None, cuts=True)
        assert judge(low).verdict(found) is True
    high = Thresholds(found.score + 0.01, found.probability, None, cuts=True)
    assert judge(high).verdict(found) is False


@pytest.mark.parametrize(
    ("thresholds", "calibration", "reason"),
    [
        (Thresholds(None, None, RATE, cuts=False), None, "no calibration"),
        (Thresholds(None, 0.5, None, cuts=True), None, "min_probability needs a calibration"),
        (Thresholds(None, None, 0.01, cuts=True), CALIBRATION, "ask for one of 0.001, or"),
        (
            Thresholds(None, None, RATE, cuts=True),
            Calibration({"shared": CalibrationTable((-1.0, 1.0), (0.0, 1.0))}),
            "no rate has one",
        ),
    ],
)
def test_without_a_calibration_nothing_is_decided_and_the_reason_is_told(
    thresholds: Thresholds, calibration: Calibration | None, reason: str
) -> None:
    judging = judge(thresholds, calibration)
    found = matched(1, calibration=calibration)
    assert found is not None
    assert judging.verdict(found) is None
    told = judging.reason()
    assert told is not None
    assert reason in told


@pytest.mark.parametrize(
    ("thresholds", "calibration", "expected"),
    [
        (Thresholds(None, None, RATE, cuts=True), CALIBRATION, True),
        (Thresholds(None, None, RATE, cuts=False), CALIBRATION, False),
        (Thresholds(None, None, 0.01, cuts=True), CALIBRATION, False),
        (Thresholds(None, None, RATE, cuts=True), None, False),
        (Thresholds(None, 0.5, None, cuts=True), CALIBRATION, True),
        (Thresholds(None, 0.5, None, cuts=True), None, False),
        (Thresholds(0.5, None, 0.01, cuts=True), CALIBRATION, True),
    ],
)
def test_only_a_threshold_that_can_be_judged_leaves_results_out(
    thresholds: Thresholds, calibration: Calibration | None, expected: bool
) -> None:
    assert judge(thresholds, calibration).leaves_out() is expected


def test_the_rates_to_ask_for_are_those_of_every_pair() -> None:
    rates = {0.0001: 0.8, RATE: 0.5}
    tables = {"shared": CalibrationTable((-1.0, 1.0), (0.0, 1.0), rates)}
    whole = Thresholds(None, None, 0.01, cuts=True)
    assert judge(whole, Calibration(tables)).askable_rates() == [0.0001, RATE]
    assert judge(whole, Calibration({**CALIBRATION.tables, **tables})).askable_rates() == [RATE]
    assert judge(whole, None).askable_rates() == []


def test_what_is_not_known_decides_nothing() -> None:
    assert [all_of([True, None]), all_of([False, None]), all_of([True])] == [None, False, True]
    assert [any_of([False, None]), any_of([True, None]), any_of([])] == [None, True, False]
