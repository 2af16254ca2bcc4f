"""k-reciprocal re-ranking against a slow transcription in sets, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vreid.calibration import Calibration, CalibrationTable
from vreid.embedding import round_to_stored
from vreid.errors import MetricError
from vreid.policy import RESOLVED_POLICIES
from vreid.re_ranking import all_pairs_distances, re_rank
from vreid.scoring import score

Matrix = NDArray[np.float64]

CALIBRATION = Calibration(
    {
        "shared": CalibrationTable((-1.0, 0.2, 1.0), (0.0, 0.1, 0.9)),
        "shared:rgb": CalibrationTable((-1.0, 0.5, 1.0), (0.0, 0.2, 0.7)),
        "center": CalibrationTable((-1.0, 0.6, 1.0), (0.0, 0.3, 0.8)),
    }
)


def slow_re_rank(distances: Matrix, queries: int, k1: int, k2: int, share: float) -> Matrix:
    """Sec. 3 of the paper, one sample and one set at a time."""
    count = len(distances)
    scaled = np.full_like(distances, np.inf)
    for row in range(count):
        finite = [value for value in distances[row] if math.isfinite(value)]
        largest = max(finite, default=0) or 1
        scaled[row] = [value / largest for value in distances[row]]

    def nearest(row: int, size: int) -> list[int]:
        order = sorted(range(count), key=lambda column: (distances[row, column], column))
        return [column for column in order[:size] if math.isfinite(distances[row, column])]

    def reciprocal(row: int, k: int) -> set[int]:
        return {column for column in nearest(row, k + 1) if row in nearest(column, k + 1)}

    encodings = np.zeros((count, count))
    for row in range(count):
        own = reciprocal(row, k1)
        expanded = set(own)
        for candidate in own:
            half = reciprocal(candidate, round(k1 / 2))
            if len(half & own) > 2 / 3 * len(half):
                expanded |= half
        weights = {
            column: math.exp(-scaled[row, column])
            for column in expanded
            if math.isfinite(scaled[row, column])
        }
        for column, weight in weights.items():
            encodings[row, column] = weight / sum(weights.values())
    if k2 > 1:
        means = np.zeros_like(encodings)
        for row in range(count):
            for neighbour in nearest(row, k2):
                means[row] += encodings[neighbour] / len(nearest(row, k2))
        encodings = means

    result = np.full((queries, count - queries), np.inf)
    for row in range(queries):
        for column in range(queries, count):
            if math.isfinite(distances[row, column]):
                low = np.minimum(encodings[row], encodings[column]).sum()
                high = np.maximum(encodings[row], encodings[column]).sum()
                jaccard = 1 - low / high if high else 1.0
                result[row, column - queries] = (1 - share) * jaccard + share * scaled[row, column]
    return result


@given(
    seed=st.integers(0, 1000),
    levels=st.sampled_from([3, 10, 1000]),
    k1=st.integers(1, 8),
    k2=st.integers(1, 4),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    unreachable=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_it_is_the_slow_transcription_with_ties_and_pairs_beyond_comparison(
    seed: int, levels: int, k1: int, k2: int, share: float, unreachable: bool
) -> None:
    distances = random_distances(14, levels, seed, unreachable)
    found = re_rank(distances, 5, k1, k2, share)
    np.testing.assert_allclose(found, slow_re_rank(distances, 5, k1, k2, share), atol=1e-12)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(distances[:5, 5:]))


def random_distances(count: int, levels: int, seed: int, unreachable: bool) -> Matrix:
    """Symmetric, zero to itself, with ties where there are few levels."""
    random = np.random.default_rng(seed)
    half = np.triu(random.integers(1, levels + 1, (count, count)) / levels, 1)
    distances = half + half.T
    if unreachable:
        incomplete = random.random(count) < 0.3
        distances[np.logical_or.outer(incomplete, incomplete)] = np.inf
    return distances


def test_by_hand_a_neighbour_of_neighbours_passes_a_lonely_sample() -> None:
    """On a line: query 0, then gallery b at -1, a at 1.1 and a's twin at 1.2.

    With k1 = 1 the query's nearest is b, and a and its twin are each other's. By first distances b
    comes first; b has the query as nearest as well, so the two encode alike and b stays first,
    while a, whose encoding has nothing of the query, is at the Jaccard distance 1.
    """
    places = np.array([0, -1, 1.1, 1.2])
    distances = np.abs(places[:, None] - places)
    found = re_rank(distances, 1, neighbours=1, averaged=1, first_share=0)
    # Encodings over (q, b): query (1, e^-1/1.2) and b (e^-1/2.2, 1), each over its sum.
    query = np.array([1, math.exp(-1 / 1.2)])
    other = np.array([math.exp(-1 / 2.2), 1])
    query, other = query / query.sum(), other / other.sum()
    expected = 1 - np.minimum(query, other).sum() / np.maximum(query, other).sum()
    np.testing.assert_allclose(found, [[expected, 1, 1]])


def test_with_the_first_distance_alone_the_order_stays() -> None:
    distances = random_distances(20, 1000, 0, unreachable=False)
    found = re_rank(distances, 6, first_share=1)
    np.testing.assert_array_equal(
        np.argsort(found, axis=1, kind="stable"),
        np.argsort(distances[:6, 6:], axis=1, kind="stable"),
    )


@pytest.mark.parametrize("calibration", [None, CALIBRATION], ids=["cosine", "probability"])
@pytest.mark.parametrize("policy", RESOLVED_POLICIES)
def test_all_pairs_are_the_policys_distances_and_ranked_stays_ranked(
    policy: str, calibration: Calibration | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vreid.re_ranking._PAIRS_AT_ONCE", 100)
    random = np.random.default_rng(0)
    mask = (random.integers(1, 8, 20)[:, None] >> np.arange(3) & 1).astype(np.bool_)
    features = round_to_stored(random.normal(size=(20, 3, 8)).astype(np.float32) * mask[..., None])
    every = all_pairs_distances(features, mask, policy, calibration)
    first = score(features[:5], mask[:5], features[5:], mask[5:], policy, calibration)
    expected = np.where(first.valid, 1 - first.ranking_key, np.inf)
    np.testing.assert_array_equal(every[:5, 5:], expected)
    np.testing.assert_array_equal(np.isfinite(re_rank(every, 5)), first.valid)


@pytest.mark.parametrize(
    ("distances", "settings", "message"),
    [
        (np.zeros((2, 3)), {}, "all pairs"),
        (np.full((2, 2), -1.0), {}, "negative distance"),
        (np.zeros((2, 2)), {"neighbours": 0}, "k1 and k2"),
        (np.zeros((2, 2)), {"first_share": 2}, "lambda is between"),
    ],
)
def test_what_cannot_be_re_ranked_is_refused(
    distances: Matrix, settings: dict[str, int], message: str
) -> None:
    with pytest.raises(MetricError, match=message):
        re_rank(distances, 1, **settings)
