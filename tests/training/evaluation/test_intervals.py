"""Bootstrap intervals over identities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.intervals import Interval, bootstrap_intervals
from vreid.metrics import Labels, Ranking, evaluate_ranking


def ranking_of(precisions: list[float]) -> Ranking:
    values = np.array(precisions)
    return Ranking(
        map=float(values.mean()),
        cmc=np.ones(1),
        valid_queries=len(values),
        average_precision=values,
        first_match=np.where(values == 1, 1, 2),
        mean_inverse_negative_penalty=1.0,
        query_rows=np.arange(len(values)),
    )


def interval_of(precisions: list[float], identities: Sequence[object], seed: int = 0) -> Interval:
    return bootstrap_intervals([ranking_of(precisions)], [Labels(list(identities))], seed=seed)[
        "mAP"
    ]


def test_one_identity_has_no_spread() -> None:
    found = interval_of([0.2, 0.8], ["a", "a"])
    assert (found.low, found.high) == (0.5, 0.5)
    assert found.identities == 1


def test_the_identity_is_drawn_with_all_its_queries() -> None:
    # A hundred queries of each of two vehicles: were queries drawn, the mean would be near 0.5.
    found = interval_of([0.0] * 100 + [1.0] * 100, ["a"] * 100 + ["b"] * 100)
    assert (found.low, found.high) == (0, 1)


def test_the_interval_is_about_two_standard_errors_to_either_side() -> None:
    random = np.random.default_rng(0)
    precisions = random.uniform(size=400)
    found = interval_of(precisions.tolist(), list(range(400)))
    error = precisions.std() / 20
    assert found.low == pytest.approx(precisions.mean() - 1.96 * error, abs=0.25 * error)
    assert found.high == pytest.approx(precisions.mean() + 1.96 * error, abs=0.25 * error)


def test_more_identities_give_a_narrower_interval() -> None:
    few = interval_of([0.0, 1.0] * 5, list(range(10)))
    many = interval_of([0.0, 1.0] * 50, list(range(100)))
    assert many.high - many.low < few.high - few.low


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.1, 0.5, 1.0])), min_size=1),
    st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_the_interval_contains_the_estimate_and_depends_on_the_seed_alone(
    queries: list[tuple[int, float]], seed: int
) -> None:
    identities = [identity for identity, _ in queries]
    precisions = [value for _, value in queries]
    found = interval_of(precisions, identities, seed)
    assert found.low - 1e-12 <= np.mean(precisions) <= found.high + 1e-12
    assert found == interval_of(precisions, identities, seed)


def test_only_valid_queries_count_and_both_directions_do() -> None:
    # The second query has no positive; its identity is none that is drawn.
    distances = np.array([[0.0, 1.0], [0.0, 1.0]])
    query, gallery = Labels(["a", "c"]), Labels(["a", "b"])
    forward = evaluate_ranking(distances, query, gallery, None)
    backward = evaluate_ranking(distances[::-1], gallery, query, None)
    found = bootstrap_intervals([forward, backward], [query, gallery])
    assert found["rank1"].identities == 1
    assert (found["rank1"].low, found["rank1"].high) == (1, 1)
