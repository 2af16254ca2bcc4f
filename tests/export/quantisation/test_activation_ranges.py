"""Ranges from what tensors hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.quantisation.activation_ranges import (
    BINS,
    RANGE_METHODS,
    STEPS,
    Histogram,
    Range,
    RangeMethod,
    activation_ranges,
    measure_histograms,
)
from export.quantisation.pixel_input import take_pixels
from tests.export.quantisation.small_graphs import NORMALISATION, random_pixels, residual_branch


def histogram(values: NDArray[np.float64]) -> Histogram:
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max())) or 1.0
    return Histogram(low, high, np.histogram(values, BINS, (low, high))[0].astype(float))


def squared_error(values: NDArray[np.float64], chosen: Range) -> float:
    """Of values that are clipped and rounded to 8 bits."""
    low, high = chosen
    step = (high - low) / STEPS
    rounded = np.rint((np.clip(values, low, high) - low) / step) * step + low
    return float(((values - rounded) ** 2).sum())


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    spread=st.floats(0.01, 100),
    shift=st.floats(-3, 3),
    tail=st.floats(2, 30),
)
def test_every_range_holds_zero_and_stays_within_what_was_seen(
    seed: int, spread: float, shift: float, tail: float
) -> None:
    values = spread * (np.random.default_rng(seed).standard_t(tail, 20_000) + shift)
    seen = histogram(values)
    for method in RANGE_METHODS:
        low, high = activation_ranges({"t": seen}, method)["t"]
        assert seen.low <= low <= 0 <= high <= seen.high
        assert low < high


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), tail=st.floats(2, 10))
def test_the_least_squared_error_is_no_worse_than_the_extremes(seed: int, tail: float) -> None:
    values = np.maximum(np.random.default_rng(seed).standard_t(tail, 20_000), 0)
    ranges = {method: activation_ranges({"t": histogram(values)}, method) for method in METHODS}
    best, whole = (squared_error(values, ranges[method]["t"]) for method in METHODS)
    assert best <= 1.05 * whole


METHODS: tuple[RangeMethod, RangeMethod] = ("squared error", "extremes")


def test_one_value_far_off_is_cut_by_all_but_the_extremes() -> None:
    values = np.append(np.random.default_rng(0).uniform(0, 1, 100_000), 50.0)
    seen = {"t": histogram(values)}
    assert activation_ranges(seen, "extremes")["t"][1] == 50
    assert activation_ranges(seen, "percentile")["t"][1] < 2
    assert activation_ranges(seen, "squared error")["t"][1] < 49


@pytest.mark.parametrize("method", RANGE_METHODS)
def test_a_tensor_that_is_always_zero_has_a_range(method: RangeMethod) -> None:
    low, high = activation_ranges({"t": histogram(np.zeros(10))}, method)["t"]
    assert low == 0
    assert high > 0


def test_histograms_hold_what_the_graph_computes() -> None:
    graph = take_pixels(residual_branch(), NORMALISATION)
    found = measure_histograms(graph, {"stem6", "inner", "inner+"}, random_pixels(6))
    assert (found["stem6"].low, found["inner+"].low) == (0, 0)
    assert 0 < found["stem6"].high <= 6
    assert found["inner"].low < 0
    assert found["inner"].high == pytest.approx(found["inner+"].high)
    assert all(one.counts.sum() > 0 for one in found.values())
