"""Batch-hard triplet loss, one modality at a time."""

import pytest
import torch
from torch.nn import functional

from training.losses import batch_hard_triplet

POINTS = torch.tensor([0.0, 2.0, 3.0, 10.0])
LABELS = torch.tensor([0, 0, 1, 1])


def in_modality(points: torch.Tensor, modality: int) -> tuple[torch.Tensor, torch.Tensor]:
    features = torch.full((len(points), 3, 1), torch.nan)
    features[:, modality, 0] = points
    mask = torch.zeros(len(points), 3, dtype=torch.bool)
    mask[:, modality] = True
    return features, mask


@pytest.mark.parametrize("modality", [0, 1, 2])
def test_takes_the_farthest_positive_and_the_nearest_negative(modality: int) -> None:
    features, mask = in_modality(POINTS, modality)
    # Positives 2, 2, 7, 7; negatives 3, 1, 1, 8.
    expected = (0 + 1.3 + 6.3 + 0) / 4
    found = batch_hard_triplet(features, LABELS, mask, margin=0.3)
    assert found.item() == pytest.approx(expected, abs=1e-5)


def test_the_soft_margin_is_the_logarithm_of_one_plus_the_exponential() -> None:
    features, mask = in_modality(POINTS, 0)
    expected = functional.softplus(torch.tensor([-1.0, 1.0, 6.0, -1.0])).mean()
    found = batch_hard_triplet(features, LABELS, mask, margin=None)
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)


def test_modalities_are_summed() -> None:
    features = POINTS.reshape(4, 1, 1).repeat(1, 3, 1)
    one = batch_hard_triplet(features, LABELS, torch.tensor([[True, False, False]] * 4))
    three = batch_hard_triplet(features, LABELS, torch.ones(4, 3, dtype=torch.bool))
    assert three.item() == pytest.approx(3 * one.item())


def test_an_anchor_without_a_positive_takes_no_part() -> None:
    features, mask = in_modality(torch.tensor([0.0, 2.0, 3.0]), 0)
    found = batch_hard_triplet(features, torch.tensor([0, 0, 1]), mask, margin=0.3)
    assert found.item() == pytest.approx((0 + 1.3) / 2, abs=1e-5)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_a_batch_without_triplets_gives_a_zero_gradient(labels: list[int]) -> None:
    features = torch.randn(3, 1, 4, requires_grad=True)
    mask = torch.ones(3, 1, dtype=torch.bool)
    batch_hard_triplet(features, torch.tensor(labels), mask).backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert not features.grad.any()


def test_equal_features_have_a_finite_gradient() -> None:
    features = torch.ones(4, 1, 2, requires_grad=True)
    mask = torch.ones(4, 1, dtype=torch.bool)
    batch_hard_triplet(features, LABELS, mask).backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()
