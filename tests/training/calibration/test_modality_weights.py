"""Gains of modalities are fitted where they help, and do what scaled features do."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.calibration.vehicles import vehicles
from training.calibration.modality_weights import (
    GRID,
    NEUTRAL,
    SIGNIFICANCE,
    _better,
    _Precisions,
    fit_modality_weights,
    scaled,
)
from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluation import evaluate
from vreid.metrics import Labels


def test_a_modality_that_tells_nothing_weighs_less() -> None:
    found = fit_modality_weights([vehicles((1.0, 1.0, 20.0))])
    assert found.gains[2] < min(found.gains[:2])
    assert found.before is not None
    assert found.after is not None
    assert found.after > found.before


def test_fitted_gains_help_other_vehicles() -> None:
    other = vehicles((1.0, 1.0, 20.0), seed=1)
    gains = fit_modality_weights([vehicles((1.0, 1.0, 20.0))]).gains
    assert evaluate(scaled(other, gains)).figures.map > evaluate(other).figures.map


def test_gains_stay_at_one_where_no_other_is_better_beyond_chance() -> None:
    assert fit_modality_weights([vehicles((1.0, 1.0, 1.0))]).gains == NEUTRAL


def test_the_same_data_give_the_same_gains() -> None:
    first, again = (fit_modality_weights([vehicles((0.5, 1.0, 5.0))]) for _ in range(2))
    assert first == again
    assert set(first.gains) <= set(GRID)


@pytest.mark.parametrize("policy", ["shared", "center", "concat"])
def test_every_policy_gains_by_features_that_are_scaled(policy: str) -> None:
    dataset = vehicles((1.0, 1.0, 5.0))
    halved = scaled(dataset, (1.0, 1.0, 0.5))
    np.testing.assert_allclose(
        halved.query.features[:, 2], dataset.query.features[:, 2] / 2, rtol=1e-3, atol=1e-6
    )
    assert evaluate(halved, policy).figures.map > evaluate(dataset, policy).figures.map


def test_without_complete_samples_or_matches_nothing_is_fitted() -> None:
    dataset = vehicles((1.0, 1.0, 20.0))
    incomplete = dataset.query.mask.copy()
    incomplete[:, 0] = False
    lacking = EmbeddedSamples(dataset.query.features, incomplete, dataset.query.labels)
    strangers = EmbeddedSamples(
        dataset.query.features, dataset.query.mask, Labels(np.arange(40) + 100)
    )
    for query in (lacking, strangers):
        found = fit_modality_weights([EmbeddedDataset("x", query, dataset.gallery, None)])
        assert (found.gains, found.before) == (NEUTRAL, None)


def test_subsets_of_the_same_vehicles_are_no_independent_evidence() -> None:
    """Four subsets that share one chance difference look four times surer when drawn apart."""
    random = np.random.default_rng(0)
    accepted = 0
    trials = 200
    for _ in range(trials):
        identity = np.arange(40)
        chance = random.normal(0, 0.1, identity.size)
        change = [_Precisions(0.5 + chance, identity) for _ in range(4)]
        nothing = [_Precisions(np.full(identity.size, 0.5), identity) for _ in range(4)]
        accepted += _better([change], [nothing])
    # Drawn apart it is about one in five.
    assert accepted / trials <= 2 * SIGNIFICANCE
