"""Which policy `auto` stands for is measured on samples that lost modalities."""

from __future__ import annotations

import numpy as np

from export.auto_policy import CANDIDATES, choose_auto_policy
from training.embedded import EmbeddedDataset, EmbeddedSamples
from vreid.metrics import Labels


def samples(identities: int, complete: bool = True) -> EmbeddedSamples:
    features = np.random.default_rng(0).normal(size=(2 * identities, 3, 8)).astype(np.float32)
    mask = np.ones((2 * identities, 3), dtype=np.bool_)
    mask[0, 1] = complete
    return EmbeddedSamples(features, mask, Labels(np.repeat(np.arange(identities), 2)))


def dataset(complete: bool = True) -> EmbeddedDataset:
    return EmbeddedDataset("made up", samples(10, complete), samples(10), None)


def test_the_policy_with_the_highest_map_is_chosen() -> None:
    choice = choose_auto_policy([dataset()], None)
    assert set(choice.mean_average_precision) == set(CANDIDATES)
    best = max(choice.mean_average_precision.values())
    assert choice.mean_average_precision[choice.policy] == best


def test_without_complete_samples_nothing_is_measured_and_shared_is_taken() -> None:
    choice = choose_auto_policy([dataset(complete=False)], None)
    assert (choice.policy, choice.mean_average_precision) == ("shared", {})
