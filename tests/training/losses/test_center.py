"""The center loss, and how its centers follow the features."""

import numpy as np
import pytest
import torch

from tests.training.losses.batches import LossBatch, drawn_batch
from training.errors import TrainingError
from training.losses import CenterLoss


def loss_for(batch: LossBatch, rate: float = 0.5) -> CenterLoss:
    loss = CenterLoss(identities=4, feature_size=batch.features.shape[2], rate=rate).double()
    loss.centers.copy_(torch.randn(loss.centers.shape, generator=torch.Generator().manual_seed(0)))
    return loss


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_is_half_the_mean_squared_distance_to_the_identitys_center(missing: float) -> None:
    batch = drawn_batch(seed=3, missing=missing)
    loss = loss_for(batch)
    features, labels, mask = (part.numpy() for part in batch)
    centers = loss.centers.numpy()
    distances = [
        np.sum((features[row, m] - centers[labels[row]]) ** 2)
        for row in range(len(labels))
        for m in range(3)
        if mask[row, m]
    ]
    assert loss.eval()(*batch).item() == pytest.approx(np.mean(distances) / 2, abs=1e-12)


def test_centers_follow_by_the_rule_of_its_paper() -> None:
    batch = drawn_batch(seed=3, missing=0.4)
    loss = loss_for(batch, rate=0.7)
    features, labels, mask = (part.numpy() for part in batch)
    expected = loss.centers.numpy().copy()
    for identity, center in enumerate(expected):
        own = features[labels == identity][mask[labels == identity]]
        step = np.sum(center - own, axis=0) / (1 + len(own))
        expected[identity] = center - 0.7 * step
    loss.train()(*batch)
    np.testing.assert_allclose(loss.centers.numpy(), expected, atol=1e-12)


def test_centers_of_identities_outside_the_batch_stay() -> None:
    batch = drawn_batch(seed=3, identities=2)
    loss = loss_for(batch)
    before = loss.centers.clone()
    loss(*batch)
    assert torch.equal(loss.centers[2:], before[2:])
    assert not torch.equal(loss.centers[:2], before[:2])


def test_centers_are_at_rest_in_evaluation() -> None:
    batch = drawn_batch(seed=3)
    loss = loss_for(batch).eval()
    before = loss.centers.clone()
    loss(*batch)
    assert torch.equal(loss.centers, before)


def test_repeated_on_one_batch_the_centers_reach_its_means() -> None:
    batch = drawn_batch(seed=3, identities=1, missing=0.0)
    loss = loss_for(batch)
    for _ in range(60):
        loss(*batch)
    torch.testing.assert_close(loss.centers[0], batch.features.mean(dim=(0, 1)))


def test_the_loss_counts_with_the_centers_from_before_the_step() -> None:
    batch = drawn_batch(seed=3)
    loss = loss_for(batch)
    at_rest = loss.eval()(*batch)
    assert torch.equal(loss.train()(*batch), at_rest)


def test_centers_are_state_but_nothing_for_the_optimiser() -> None:
    loss = CenterLoss(identities=4, feature_size=2)
    assert loss.state_dict().keys() == {"centers"}
    assert not list(loss.parameters())


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TrainingError, match="mask"):
        CenterLoss(4, 2)(torch.zeros(4, 3, 2), torch.zeros(4), torch.ones(4, 2))
