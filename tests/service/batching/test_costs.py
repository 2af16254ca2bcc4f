"""A slow spell is believed sooner than its end, a single stall hardly."""

import pytest

from service.batching.costs import Costs, MovingMean
from vreid.modality import Modality


def test_the_first_measurement_is_the_mean() -> None:
    mean = MovingMean()
    mean.add(7.0)
    assert mean.value == 7.0


def test_it_rises_faster_than_it_falls() -> None:
    mean = MovingMean()
    mean.add(1.0)
    mean.add(2.0)
    risen = mean.value - 1.0
    mean.value = 2.0
    mean.add(1.0)
    assert risen > 2.0 - mean.value > 0


def test_one_stall_is_no_new_speed() -> None:
    mean = MovingMean()
    mean.add(0.01)
    mean.add(60.0)
    assert mean.value < 0.03


def test_a_speed_that_stays_is_believed() -> None:
    mean = MovingMean()
    mean.add(0.01)
    for _ in range(50):
        mean.add(1.0)
    assert mean.value == pytest.approx(1.0, rel=0.01)


def test_images_cost_what_their_branch_costs() -> None:
    costs = Costs((Modality.RGB, Modality.NIR))
    costs.add(Modality.RGB, 2, 4.0)
    costs.add(Modality.NIR, 1, 1.0)
    assert costs.of({Modality.RGB: 3, Modality.NIR: 2}) == 8.0
