"""Numbers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.ablation.statistics import Spread, claims, kendall_tau, spread

figures = st.floats(0, 100, allow_nan=False)


def test_the_deviation_is_the_samples_own_and_needs_two_seeds() -> None:
    assert spread([1.0, 2.0, 3.0]) == Spread(2.0, 1.0, 3)
    assert spread([4.0]) == Spread(4.0, None, 1)


def test_tau_counts_pairs_that_stand_alike() -> None:
    paper = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    assert kendall_tau(paper, paper) == pytest.approx(1)
    assert kendall_tau({name: -value for name, value in paper.items()}, paper) == pytest.approx(-1)
    # One of six pairs is exchanged: (5 - 1) / 6.
    assert kendall_tau({"a": 2.0, "b": 1.0, "c": 3.0, "d": 4.0}, paper) == pytest.approx(4 / 6)


def test_tau_looks_at_rows_that_both_have_and_is_none_without_two() -> None:
    assert kendall_tau({"a": 1.0, "own": 9.0}, {"a": 1.0, "b": 2.0}) is None
    assert kendall_tau({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0}) is None


def test_claims_are_the_papers_neighbours_with_paired_differences() -> None:
    measured = {
        "low": {1: 10.0, 2: 20.0, 3: 30.0},
        "middle": {1: 11.0, 2: 22.0, 3: 33.0},
        "high": {1: 10.0, 2: 21.0, 3: 32.0},
    }
    first, second = claims(measured, {"low": 1.0, "high": 3.5, "middle": 2.0, "unmeasured": 3.0})
    assert (first.higher, first.lower, first.published) == ("high", "middle", 1.5)
    assert first.differences == {1: -1.0, 2: -1.0, 3: -1.0}
    assert first.spread == Spread(-1.0, 0.0, 3)
    assert first.interval == (-1.0, -1.0)
    assert (first.agreeing, first.verdict) == (0, "reversed")

    assert (second.higher, second.lower) == ("middle", "low")
    assert second.spread == Spread(2.0, 1.0, 3)
    # Student's t, 2 degrees of freedom: 4.302653 / sqrt(3) = 2.484138.
    assert second.interval == pytest.approx((-0.484138, 4.484138), abs=1e-6)
    assert (second.agreeing, second.verdict) == (3, "undecided")


def test_a_claim_is_as_published_where_its_interval_is_above_zero() -> None:
    (claim,) = claims({"a": {1: 5.0, 2: 6.0}, "b": {1: 1.0, 2: 2.1}}, {"a": 2.0, "b": 1.0})
    # Differences 4.0 and 3.9; t with one degree of freedom 12.7062: half width 0.63531.
    assert claim.interval == pytest.approx((3.95 - 0.63531, 3.95 + 0.63531), abs=1e-5)
    assert claim.verdict == "as published"


def test_seeds_that_one_row_lacks_are_left_out_and_one_seed_decides_nothing() -> None:
    (claim,) = claims({"a": {1: 5.0, 2: 9.0}, "b": {2: 2.0, 3: 1.0}}, {"a": 2.0, "b": 1.0})
    assert claim.differences == {2: 7.0}
    assert (claim.interval, claim.agreeing, claim.verdict) == (None, 1, "undecided")
    assert claims({"a": {1: 5.0}, "b": {2: 2.0}}, {"a": 2.0, "b": 1.0}) == []


def test_rows_that_the_paper_ties_claim_nothing() -> None:
    assert claims({"a": {1: 5.0}, "b": {1: 2.0}}, {"a": 2.0, "b": 2.0}) == []


@given(st.lists(st.tuples(figures, figures), min_size=2, max_size=6))
def test_exchanging_two_rows_reverses_the_verdict(pairs: list[tuple[float, float]]) -> None:
    a = {seed: pair[0] for seed, pair in enumerate(pairs)}
    b = {seed: pair[1] for seed, pair in enumerate(pairs)}
    (one,) = claims({"a": a, "b": b}, {"a": 2.0, "b": 1.0})
    (other,) = claims({"a": b, "b": a}, {"a": 2.0, "b": 1.0})
    opposite = {"as published": "reversed", "reversed": "as published", "undecided": "undecided"}
    assert other.verdict == opposite[one.verdict]
    assert other.spread.mean == pytest.approx(-one.spread.mean)
