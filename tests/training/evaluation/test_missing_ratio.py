"""Which samples of the missing-modality experiment lose what, and what the curves say."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.evaluation.embedded_samples import CALIBRATION, random_dataset
from training.evaluation import evaluate
from training.evaluation.masked_distances import MaskedDistances
from training.evaluation.missing_ratio import (
    CURVE_POLICIES,
    RATIOS,
    damage,
    deviation,
    mean,
    missing_modalities,
    missing_ratio_curves,
)
from training.evaluation.ranking import policy_distances
from vreid.calibration import Calibration
from vreid.errors import MetricError
from vreid.modality import Modality
from vreid.policy import RESOLVED_POLICIES


def test_half_of_the_chosen_samples_lose_one_and_half_two_modalities() -> None:
    lost = missing_modalities(200, 0.5, np.random.default_rng(0)).sum(axis=1)
    assert np.bincount(lost, minlength=4).tolist() == [100, 50, 50, 0]


@given(st.integers(1, 200), st.sampled_from(RATIOS), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_the_ratio_is_the_share_of_samples_that_lose_something(
    samples: int, ratio: float, seed: int
) -> None:
    lost = missing_modalities(samples, ratio, np.random.default_rng(seed)).sum(axis=1)
    assert np.count_nonzero(lost) == round(ratio * samples)
    assert lost.max() <= 2
    assert abs(np.count_nonzero(lost == 1) - np.count_nonzero(lost == 2)) <= 1


def test_every_modality_is_lost_equally_often() -> None:
    lost = missing_modalities(6000, 1, np.random.default_rng(0)).mean(axis=0)
    np.testing.assert_allclose(lost, 0.5, atol=0.03)


def test_damage_depends_on_its_seed_alone_and_leaves_the_original() -> None:
    original = random_dataset()
    first, again, other = (damage(original, 0.5, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.query.mask, again.query.mask)
    assert (first.query.mask != other.query.mask).any()
    assert original.query.mask.all()


def test_at_full_ratio_no_complete_sample_is_left() -> None:
    damaged = damage(random_dataset(), 1, 0)
    for side in (damaged.query, damaged.gallery):
        assert not side.mask.all(axis=1).any()
        assert side.mask.any(axis=1).all()


@pytest.mark.parametrize("side", ["query", "gallery"])
def test_a_trial_loses_more_at_every_ratio(side: Literal["query", "gallery"]) -> None:
    damaged = [damage(random_dataset(), ratio, 3) for ratio in RATIOS]
    for less, more in pairwise(getattr(one, side).mask for one in damaged):
        assert not (more & ~less).any()


@pytest.mark.parametrize("calibration", [None, CALIBRATION], ids=["cosine", "probability"])
@given(seed=st.integers(0, 100))
@settings(max_examples=15, deadline=None)
def test_distances_from_products_made_once_are_those_of_scoring_to_the_last_bit(
    calibration: Calibration | None, seed: int
) -> None:
    complete = random_dataset()
    damaged = damage(complete, 0.8, seed)
    products = MaskedDistances(complete.query.features, complete.gallery.features)
    found = products.distances(
        damaged.query.mask, damaged.gallery.mask, RESOLVED_POLICIES, calibration
    )
    for policy in RESOLVED_POLICIES:
        slow = policy_distances(damaged.query, damaged.gallery, policy, calibration)
        np.testing.assert_array_equal(found[policy], slow)


@pytest.mark.parametrize("symmetric", [False, True])
def test_every_cell_equals_the_evaluation_of_the_damaged_data_set(symmetric: bool) -> None:
    dataset = random_dataset(symmetric=symmetric)
    curves = missing_ratio_curves(dataset, CALIBRATION, ratios=(0, 0.4, 1), trials=3)
    for policy in ("center", "shared"):
        for row, ratio in enumerate((0, 0.4, 1)):
            for trial in range(3):
                slow = evaluate(damage(dataset, ratio, trial), policy, CALIBRATION).figures
                curve = curves[policy]
                assert curve.map[row, trial] == slow.map
                assert curve.rank1[row, trial] == slow.rank1
                assert curve.rank5[row, trial] == slow.rank5
                assert curve.rank10[row, trial] == slow.rank10


def test_cells_of_a_joint_network_are_measured_with_the_features_of_what_is_left() -> None:
    dataset = random_dataset(symmetric=True)
    random = np.random.default_rng(7)
    query, gallery = (
        replace(side, joint=(0.3 * random.normal(size=(7, len(side), 8))).astype(np.float16))
        for side in (dataset.query, dataset.gallery)
    )
    dataset = replace(dataset, query=query, gallery=gallery)
    curves = missing_ratio_curves(dataset, ratios=(0, 0.5, 1), trials=2)
    for policy in CURVE_POLICIES:
        slow = [
            [evaluate(damage(dataset, ratio, trial), policy).figures.map for trial in range(2)]
            for ratio in (0, 0.5, 1)
        ]
        np.testing.assert_array_equal(curves[policy].map, slow)


def test_at_ratio_zero_the_curves_are_the_plain_figures_without_deviation() -> None:
    dataset = random_dataset()
    curves = missing_ratio_curves(dataset, ratios=(0,), trials=4)
    for policy in RESOLVED_POLICIES:
        plain = evaluate(dataset, policy).figures
        assert mean(curves[policy].map)[0] == pytest.approx(plain.map, abs=1e-15)
        assert curves[policy].map[0, 0] == plain.map
        assert deviation(curves[policy].map)[0] == pytest.approx(0, abs=1e-15)


def test_the_deviation_is_that_of_a_sample() -> None:
    assert deviation(np.array([[1.0, 2.0, 3.0]])) == [1.0]
    assert deviation(np.array([[1.0]])) == [0.0]


def test_incomplete_samples_are_left_out_and_counted_out() -> None:
    dataset = random_dataset()
    mask = dataset.gallery.mask.copy()
    mask[:4, 1] = False
    curves = missing_ratio_curves(
        replace(dataset, gallery=replace(dataset.gallery, mask=mask)), ratios=(0, 1), trials=1
    )
    assert (curves["center"].queries, curves["center"].gallery) == (16, 20)
    assert curves["concat"].ratios.tolist() == [0]


def test_data_without_complete_samples_is_refused() -> None:
    dataset = random_dataset()
    only_rgb = replace(dataset, query=dataset.query.restricted([Modality.RGB]))
    with pytest.raises(MetricError, match="--subsets"):
        missing_ratio_curves(only_rgb)
