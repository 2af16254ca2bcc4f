"""The moving average of weights."""

import pytest
import torch
from torch import nn

from training.moving_average import MovingAverage


def layer(value: float) -> nn.Module:
    made = nn.BatchNorm1d(1)
    nn.init.constant_(made.weight, value)
    return made


def test_it_moves_by_one_minus_decay_with_a_faster_start() -> None:
    average = MovingAverage(layer(0.0), decay=0.5)
    average.update(layer(1.0))
    first = 1 - 2 / 11
    assert average.weights["weight"].item() == pytest.approx(first)
    for _ in range(20):
        average.update(layer(1.0))
    before = average.weights["weight"].item()
    average.update(layer(3.0))
    assert average.weights["weight"].item() == pytest.approx((before + 3) / 2)


def test_counters_are_copied() -> None:
    model = layer(0.0)
    average = MovingAverage(model, decay=0.9)
    model(torch.rand(4, 1))
    average.update(model)
    assert average.weights["num_batches_tracked"].item() == 1


def test_a_restored_average_goes_on_as_before() -> None:
    first, second = MovingAverage(layer(0.0), 0.9), MovingAverage(layer(5.0), 0.9)
    first.update(layer(1.0))
    second.restore(first.weights, first.updates)
    for average in (first, second):
        average.update(layer(2.0))
    assert torch.equal(first.weights["weight"], second.weights["weight"])
