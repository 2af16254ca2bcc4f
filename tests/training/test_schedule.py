"""The course of the learning rate."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import ScheduleConfig
from training.schedule import learning_rate_factor

PAPER = ScheduleConfig(
    kind="multistep", warmup_epochs=10, warmup_factor=0.01, milestones=(300, 550), decay=0.1
)


@pytest.mark.parametrize(
    ("time", "factor"),
    [(0, 0.01), (5, 0.505), (5.9, 0.505), (10, 1), (299.9, 1), (300, 0.1), (550, 0.01)],
)
def test_the_papers_course(time: float, factor: float) -> None:
    assert learning_rate_factor(PAPER, time, epochs=1200) == pytest.approx(factor)


def test_one_cycle_rises_to_one_and_falls_to_almost_nothing() -> None:
    cycle = ScheduleConfig(kind="one_cycle", warmup_epochs=3)
    factors = [learning_rate_factor(cycle, time / 10, epochs=10) for time in range(100)]
    assert factors[0] == pytest.approx(0.04)
    assert factors[30] == max(factors) == 1
    assert factors[:31] == sorted(factors[:31])
    assert factors[30:] == sorted(factors[30:], reverse=True)
    assert learning_rate_factor(cycle, 10, epochs=10) == pytest.approx(1e-5)


def test_one_cycle_without_warm_up_starts_at_one() -> None:
    assert learning_rate_factor(ScheduleConfig(kind="one_cycle", warmup_epochs=0), 0, 5) == 1


COSINE = ScheduleConfig(kind="cosine", warmup_epochs=5, warmup_factor=0.1, end_factor=0.02)


@pytest.mark.parametrize(
    ("time", "factor"),
    [(0, 0.1), (2.5, 0.55), (5, 1.0), (7.5, 0.02 + 0.98 * 0.8535534), (10, 0.51), (15, 0.02)],
)
def test_cosine_rises_in_a_line_and_falls_by_half_a_cosine(time: float, factor: float) -> None:
    assert learning_rate_factor(COSINE, time, epochs=15) == pytest.approx(factor)


def test_cosine_without_warm_up_starts_at_one_and_ends_at_nothing() -> None:
    schedule = ScheduleConfig(kind="cosine", warmup_epochs=0)
    assert learning_rate_factor(schedule, 0, epochs=5) == 1
    assert learning_rate_factor(schedule, 5, epochs=5) == pytest.approx(0)


@given(
    kind=st.sampled_from(["multistep", "one_cycle", "cosine"]),
    warmup=st.floats(0, 20),
    end_factor=st.floats(0, 1),
    share=st.floats(0, 1),
)
def test_no_course_goes_above_the_configured_rate_or_below_nothing(
    kind: Literal["multistep", "one_cycle", "cosine"],
    warmup: float,
    end_factor: float,
    share: float,
) -> None:
    schedule = ScheduleConfig(kind=kind, warmup_epochs=warmup, end_factor=end_factor)
    assert 0 <= learning_rate_factor(schedule, 10 * share, epochs=10) <= 1 + 1e-12
