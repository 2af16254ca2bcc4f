"""The course of the learning rate."""

import pytest

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
