"""The hetero-center loss against a transcription of its definition."""

from itertools import combinations

import numpy as np
import pytest
import torch

from tests.training.losses.batches import drawn_batch
from training.errors import TrainingError
from training.losses import CrossDirectionalCenterLoss, hetero_center


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_sums_squared_distances_of_modality_centers_over_identities_and_pairs(
    missing: float,
) -> None:
    batch = drawn_batch(seed=2, missing=missing)
    features, labels, mask = (part.numpy() for part in batch)
    expected = 0.0
    for identity in np.unique(labels):
        centers = [
            np.mean(features[(labels == identity) & mask[:, m], m], axis=0)
            for m in range(3)
            if mask[labels == identity, m].any()
        ]
        expected += sum(float(np.sum((a - b) ** 2)) for a, b in combinations(centers, 2))
    assert hetero_center(*batch).item() == pytest.approx(expected, abs=1e-12)


def test_is_12_times_the_papers_modality_term_of_three_modalities() -> None:
    features, labels, mask = drawn_batch(seed=2, missing=0.0)
    modality_term = CrossDirectionalCenterLoss().terms(features, labels).modality
    assert hetero_center(features, labels, mask).item() == pytest.approx(12 * modality_term.item())


def test_without_a_mask_every_modality_is_there() -> None:
    features, labels, mask = drawn_batch(seed=2, missing=0.0)
    assert torch.equal(hetero_center(features, labels), hetero_center(features, labels, mask))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TrainingError, match="labels"):
        hetero_center(torch.zeros(4, 3, 2), torch.zeros(3))
