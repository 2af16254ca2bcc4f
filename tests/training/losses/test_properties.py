"""What every metric loss has in common, whatever the batch and whatever is missing."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.training.losses.batches import BATCHES, MODALITY_ORDERS, LossBatch, drawn_batch
from training.losses import (
    CenterLoss,
    CircleLoss,
    CrossDirectionalCenterLoss,
    batch_hard_triplet,
    hetero_center,
)

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def close(expected: Tensor) -> object:
    """Within single precision, in which the triplet loss computes."""
    return pytest.approx(expected.item(), rel=1e-5, abs=1e-4)


def center(features: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Wen's center loss with centers that are not at the origin, at rest."""
    loss = CenterLoss(identities=5, feature_size=features.shape[2]).double().eval()
    loss.centers.copy_(torch.arange(5.0)[:, None])
    return loss(features, labels, mask)


LOSSES: dict[str, Loss] = {
    "cross-directional, paper": CrossDirectionalCenterLoss(0.6, "paper"),
    "cross-directional, mean": CrossDirectionalCenterLoss(0.6, "mean"),
    "hetero-center": hetero_center,
    "center": center,
    "triplet": batch_hard_triplet,
    "circle": CircleLoss(),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


@every_loss
@settings(max_examples=20, deadline=None)
@given(batch=BATCHES, data=st.data())
def test_the_order_of_the_samples_does_not_matter(
    loss: Loss, batch: LossBatch, data: st.DataObject
) -> None:
    order = torch.tensor(data.draw(st.permutations(range(len(batch.labels)))))
    assert loss(*batch.rearranged(order)).item() == close(loss(*batch))


@every_loss
@settings(max_examples=20, deadline=None)
@given(batch=BATCHES, order=MODALITY_ORDERS)
def test_the_order_of_the_modalities_does_not_matter(
    loss: Loss, batch: LossBatch, order: list[int]
) -> None:
    assert loss(*batch.with_modalities(order)).item() == close(loss(*batch))


@every_loss
@settings(max_examples=20, deadline=None)
@given(batch=BATCHES)
def test_what_stands_at_missing_modalities_does_not_matter(loss: Loss, batch: LossBatch) -> None:
    spoiled = torch.where(batch.mask.unsqueeze(-1), batch.features, torch.nan).requires_grad_()
    found = loss(spoiled, batch.labels, batch.mask)
    assert found.item() == pytest.approx(loss(*batch).item())
    (gradient,) = torch.autograd.grad(found, spoiled)
    assert torch.isfinite(gradient).all()
    assert not gradient[~batch.mask].any()


@every_loss
@settings(max_examples=10, deadline=None)
@given(batch=BATCHES, modality=st.integers(0, 2))
def test_a_batch_of_one_modality_has_a_finite_loss_and_gradient(
    loss: Loss, batch: LossBatch, modality: int
) -> None:
    mask = torch.zeros_like(batch.mask)
    mask[:, modality] = True
    features = batch.features.requires_grad_()
    found = loss(features, batch.labels, mask)
    (gradient,) = torch.autograd.grad(found, features)
    assert torch.isfinite(found)
    assert torch.isfinite(gradient).all()


@every_loss
def test_no_feature_of_a_batch_of_several_identities_may_be_nan_unseen(loss: Loss) -> None:
    batch = drawn_batch(seed=4, identities=3, missing=0.0)
    for modality in range(3):
        features = batch.features.clone()
        features[0, modality, 0] = torch.nan
        assert torch.isnan(loss(features, batch.labels, batch.mask))


@pytest.mark.parametrize("name", ["hetero-center", "triplet", "circle"])
def test_identities_of_one_sample_and_one_modality_alone_add_nothing(name: str) -> None:
    loss = LOSSES[name]
    features = torch.randn(3, 3, 4, dtype=torch.float64).requires_grad_()
    mask = torch.tensor([[True, False, False]] * 3)
    found = loss(features, torch.tensor([0, 1, 2]), mask)
    (gradient,) = torch.autograd.grad(found, features)
    assert found.item() == 0
    assert not gradient.any()


# The triplet loss computes in single precision; the circle loss holds its pairs' weights constant
# in the gradient, so neither is the numerical derivative of its value.
@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"triplet", "circle"}))
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_the_gradient_is_the_derivative(name: str, missing: float) -> None:
    batch = drawn_batch(seed=1, samples=7, identities=3, size=2, missing=missing)
    assert torch.autograd.gradcheck(
        lambda features: LOSSES[name](features, batch.labels, batch.mask),
        batch.features.requires_grad_(),
    )
