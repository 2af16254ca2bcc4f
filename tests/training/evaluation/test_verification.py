"""Verification against pairs counted by hand and a slow search over thresholds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.training.evaluation.embedded_samples import random_samples
from training.embedded import EmbeddedSamples
from training.evaluation.verification import Verification, verify
from vreid.errors import MetricError
from vreid.metrics import Labels


def labelled(*identity: object, scene: tuple[object, ...] | None = None) -> EmbeddedSamples:
    count = len(identity)
    features = np.zeros((count, 3, 2), dtype=np.float32)
    return EmbeddedSamples(
        features,
        np.ones((count, 3), dtype=np.bool_),
        Labels(list(identity), scene=None if scene is None else list(scene)),
    )


def pairs(positive: list[float], negative: list[float]) -> Verification:
    """One query against a gallery at these distances."""
    gallery = labelled(*["a"] * len(positive), *["b"] * len(negative))
    distances = np.array([[*positive, *negative]])
    return verify(distances, labelled("a"), gallery, None, "center")


def test_at_a_rate_the_threshold_lets_no_larger_share_of_negatives_pass() -> None:
    # Of 10 000 negatives 10 may pass: those at 1 to 10. The positive at 10.5 is in, that at 11 not,
    # since the eleventh negative is there too.
    found = pairs([0.5, 10.5, 11, 20_000], [float(value) for value in range(1, 10_001)])
    assert found.true_positive_rates[1e-3] == 0.5
    assert (found.positives, found.negatives) == (4, 10_000)


def test_a_rate_that_too_few_negatives_can_show_is_omitted_with_the_reason() -> None:
    found = pairs([0.5], [float(value) for value in range(1, 10_001)])
    assert found.true_positive_rates[1e-4] is None
    assert found.omitted() == {
        1e-4: "10000 negative pairs are too few: FPR 0.0001 needs 100000, so that at least 10 of "
        "them pass"
    }
    assert list(found.to_json()["omitted"]) == ["0.0001"]
    assert found.to_json()["tpr_at_fpr"] == {"0.001": 1.0, "0.0001": None}


def test_the_equal_error_rate_of_one_swapped_pair_in_four() -> None:
    # With the threshold at 3, one of four negatives passes and one of four positives does not.
    assert pairs([0, 1, 2, 5], [3, 6, 7, 8]).equal_error_rate == pytest.approx(0.25)


def test_separated_pairs_have_no_error_and_equal_pairs_an_even_one() -> None:
    assert pairs([0, 1], [2, 3]).equal_error_rate == 0
    assert pairs([1, 1], [1, 1]).equal_error_rate == pytest.approx(0.5)


def test_junk_unknown_identities_itself_and_pairs_not_compared_do_not_count(tmp_path: Path) -> None:
    query = labelled("a", scene=("1",))
    gallery = labelled("a", "a", "b", None, "b", scene=("1", "2", "1", "1", "2"))
    distances = np.array([[0.0, 1.0, 2.0, 3.0, np.inf]])
    found = verify(distances, query, gallery, "scene", "center")
    assert (found.positives, found.negatives) == (1, 1)

    both = random_samples(3, 2, directory=tmp_path)
    found = verify(np.ones((6, 6)), both, both, None, "center")
    assert (found.positives, found.negatives) == (6, 24)


def test_without_pairs_of_both_kinds_nothing_is_measured() -> None:
    with pytest.raises(MetricError, match="1 pairs of one vehicle and 0 of two"):
        pairs([1.0], [])


distances = st.lists(st.integers(0, 12), min_size=1, max_size=30)


@given(distances, distances)
@settings(max_examples=60, deadline=None)
def test_the_curve_is_that_of_a_slow_count_and_the_error_lies_between_its_neighbours(
    positive: list[int], negative: list[int]
) -> None:
    found = pairs([float(value) for value in positive], [float(value) for value in negative])
    slow = [(0.0, 0.0)] + [
        (share_up_to(negative, limit), share_up_to(positive, limit))
        for limit in sorted({*positive, *negative})
    ]
    curve = list(zip(found.false_positive_rate, found.true_positive_rate, strict=True))
    assert curve == slow
    rate = found.equal_error_rate
    assert max(x for x, y in slow if x <= 1 - y) - 1e-12 <= rate
    assert rate <= min(x for x, y in slow if x >= 1 - y) + 1e-12


def share_up_to(values: list[int], limit: float) -> float:
    return sum(value <= limit for value in values) / len(values)


def test_a_long_curve_is_thinned_between_its_ends() -> None:
    random = np.random.default_rng(0)
    found = pairs(random.normal(0, 1, 3000).tolist(), random.normal(2, 1, 6000).tolist())
    x, y = found.false_positive_rate, found.true_positive_rate
    assert len(x) <= 1003
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert increasing(x)
    assert increasing(y)


def increasing(values: NDArray[np.float64]) -> bool:
    return bool((np.diff(values) >= 0).all())
