"""Probabilities and thresholds, measured on the pairs they were fitted on and on others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.calibration import (
    FALSE_ACCEPT_RATES,
    FEWEST_FALSE_ACCEPTS,
    FEWEST_POSITIVES,
    ScoredPairs,
    fit_calibration,
    fit_table,
    measure_reliability,
)
from training.calibration.pairs import join
from training.calibration.reliability import expected_calibration_error, shared_probabilities
from training.calibration.tables import enough_pairs
from training.embedded import EmbeddedDataset, EmbeddedSamples
from vreid.calibration import shared_key
from vreid.metrics import Labels
from vreid.modality import MODALITIES


def pairs(seed: int, positives: int, negatives: int) -> ScoredPairs:
    random = np.random.default_rng(seed)
    cosine = np.concatenate([random.beta(4, 2, positives), random.beta(2, 6, negatives)])
    return ScoredPairs(cosine, np.arange(cosine.size) < positives)


scored = st.builds(pairs, st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20_000))


@settings(deadline=None, max_examples=25)
@given(scored)
def test_a_threshold_keeps_its_rate_on_the_pairs_it_was_fitted_on(fitted: ScoredPairs) -> None:
    negatives = fitted.cosine[~fitted.same]
    thresholds = fit_table(fitted).thresholds
    assert set(thresholds) == {
        rate for rate in FALSE_ACCEPT_RATES if rate * negatives.size >= FEWEST_FALSE_ACCEPTS
    }
    for rate, threshold in thresholds.items():
        assert (negatives >= threshold).mean() <= rate


@settings(deadline=None, max_examples=25)
@given(scored)
def test_fitted_tables_do_not_decrease_and_stricter_rates_ask_for_more(fitted: ScoredPairs) -> None:
    table = fit_table(fitted)
    assert (np.diff(table.probability(np.linspace(-1, 1, 200))) > 0).all()
    thresholds = [table.thresholds[rate] for rate in sorted(table.thresholds)]
    assert thresholds == sorted(thresholds, reverse=True)


@settings(deadline=None, max_examples=25)
@given(scored, scored, st.integers(2, 5))
def test_a_set_weighs_the_same_however_many_pairs_it_has(
    one: ScoredPairs, other: ScoredPairs, times: int
) -> None:
    repeated = join([other] * times)
    if not enough_pairs(one) or not enough_pairs(other):
        return
    few, many = fit_table(one, other), fit_table(one, repeated)
    grid = np.linspace(-1, 1, 200)
    np.testing.assert_allclose(few.probability(grid), many.probability(grid), atol=1e-9)
    negatives = (~other.same).sum()
    for rate in few.thresholds:
        if rate * negatives >= FEWEST_FALSE_ACCEPTS:
            assert few.thresholds[rate] == many.thresholds[rate]


def test_a_set_with_too_few_negatives_for_a_rate_leaves_its_threshold_to_the_others() -> None:
    small, large = pairs(0, 100, 1500), pairs(1, 100, 20_000)
    table = fit_table(small, large).thresholds
    assert table[0.001] == max(table[0.01], fit_table(large).thresholds[0.001])
    assert table[0.01] != fit_table(large).thresholds[0.01]
    assert 0.0001 not in table


def test_a_set_of_few_pairs_counts_only_where_no_other_has_enough() -> None:
    many, few = pairs(0, 100, 2000), pairs(1, FEWEST_POSITIVES - 1, 500)
    assert fit_table(many, few) == fit_table(many)
    assert fit_table(few, few) == fit_table(join([few, few]))


def test_two_sets_are_met_halfway_where_each_alone_would_promise_more_or_less() -> None:
    easy, hard = pairs(0, 40, 1600), pairs(1, 2000, 100_000)
    easy = ScoredPairs(np.where(easy.same, easy.cosine + 0.3, easy.cosine), easy.same)

    def errors(*sets: ScoredPairs) -> list[float]:
        table = fit_table(*sets)
        return [
            expected_calibration_error(table.probability(np.clip(one.cosine, -1, 1)), one.same)
            for one in (easy, hard)
        ]

    alone, pooled, weighed = errors(hard), errors(join([easy, hard])), errors(easy, hard)
    assert weighed[0] < pooled[0] <= alone[0] + 0.01
    assert weighed[1] < errors(easy)[1]


def test_the_calibration_error_is_that_computed_by_hand() -> None:
    # Both pairs of one vehicle were promised 0.95, the two of two vehicles 0.95 and 0.05.
    error = expected_calibration_error(
        np.array([0.95, 0.95, 0.95, 0.05]), np.array([True, True, False, False])
    )
    assert error == pytest.approx(0.75 * (0.95 - 2 / 3) + 0.25 * 0.05)


def test_on_the_fitting_pairs_a_table_is_reliable() -> None:
    fitted = pairs(0, 500, 5000)
    found = fit_table(fitted).probability(fitted.cosine)
    assert expected_calibration_error(found, fitted.same) < 0.02
    assert expected_calibration_error(found**3, fitted.same) > 0.05


def vehicles(seed: int) -> EmbeddedDataset:
    random = np.random.default_rng(seed)
    looks = random.normal(size=(40, 3, 8))
    query, gallery = (
        EmbeddedSamples(
            (looks + random.normal(size=looks.shape)).astype(np.float32),
            np.ones((40, 3), dtype=np.bool_),
            Labels(np.arange(40)),
        )
        for _ in range(2)
    )
    return EmbeddedDataset("made up", query, gallery, None)


def test_realised_rates_are_measured_on_the_other_identities() -> None:
    calibration = fit_calibration([vehicles(0)])
    other = vehicles(1)
    found = measure_reliability(other, calibration)
    assert len(found) == 7 + 49
    point = found[shared_key(MODALITIES)].points[0.1]
    cosines = _cosines(other)
    different = ~np.eye(40, dtype=np.bool_)
    assert point.false_accept_rate == (cosines[different] >= point.threshold).mean()
    assert point.true_positive_rate == (cosines.diagonal() >= point.threshold).mean()
    assert found[shared_key(MODALITIES)].to_json()["thresholds"]["0.1"]["cosine"] == point.threshold


def test_the_plotted_pairs_are_those_of_every_subset() -> None:
    found = shared_probabilities(vehicles(1), fit_calibration([vehicles(0)]))
    assert found is not None
    assert found[0].shape == found[1].shape == (7 * 1600,)


def _cosines(dataset: EmbeddedDataset) -> NDArray[np.float64]:
    sides = [
        side.features.reshape(40, -1).astype(np.float64)
        for side in (dataset.query, dataset.gallery)
    ]
    query, gallery = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    return np.asarray(np.round(query @ gallery.T, 12))
