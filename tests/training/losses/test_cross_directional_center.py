"""CrossDirectionalCenterLoss against an independent transcription of Eq. 7-15."""

from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.errors import TrainingError
from training.losses import CrossDirectionalCenterLoss

IDENTITIES, SAMPLES, MODALITIES, SIZE = 4, 3, 3, 5
ALPHA = 0.6

Float = NDArray[np.float64]


def batch(seed: int = 0) -> tuple[Float, NDArray[np.int64]]:
    """P x K samples in mixed order: features (B, M, D) and labels (B,)."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat([7, 2, 9, 4], SAMPLES))
    return generator.normal(size=(len(labels), MODALITIES, SIZE)), labels


def printed_sample_term(features: Float, labels: NDArray[np.int64]) -> float:
    """Eq. 7 and 8, pair by pair."""
    total = 0.0
    for identity in np.unique(labels):
        rows = features[labels == identity]
        centers = [sum(row[m] for m in range(MODALITIES)) / MODALITIES for row in rows]
        for first, second in combinations(centers, 2):
            total += float(np.sum((first - second) ** 2))
    return total / (2 * SAMPLES * (SAMPLES - 1))


def printed_modality_term(features: Float, labels: NDArray[np.int64]) -> float:
    """Eq. 9 and 10, pair by pair."""
    total = 0.0
    for identity in np.unique(labels):
        rows = features[labels == identity]
        centers = [sum(row[m] for row in rows) / SAMPLES for m in range(MODALITIES)]
        for first, second in combinations(centers, 2):
            total += float(np.sum((first - second) ** 2))
    return total / (2 * MODALITIES * (MODALITIES - 1))


def printed_gradient(features: Float, labels: NDArray[np.int64]) -> Float:
    """Eq. 12, of L_S + L_M."""
    gradient = np.zeros_like(features)
    for row, label in enumerate(labels):
        own = features[labels == label]
        mean = own.mean(axis=(0, 1))
        for m in range(MODALITIES):
            sample_center = features[row].mean(axis=0)
            modality_center = own[:, m].mean(axis=0)
            gradient[row, m] = (sample_center - mean) / (MODALITIES * (SAMPLES - 1))
            gradient[row, m] += (modality_center - mean) / (SAMPLES * (MODALITIES - 1))
    return gradient


def gradient_of(loss: CrossDirectionalCenterLoss, features: Float, labels: object) -> Float:
    tensor = torch.tensor(features, requires_grad=True)
    loss(tensor, torch.tensor(labels)).backward()  # type: ignore[no-untyped-call]
    assert tensor.grad is not None
    return np.asarray(tensor.grad)


def test_equals_equations_7_to_15() -> None:
    features, labels = batch()
    expected = printed_sample_term(features, labels) + ALPHA * printed_modality_term(
        features, labels
    )
    loss = CrossDirectionalCenterLoss(ALPHA)(torch.tensor(features), torch.tensor(labels))
    assert loss.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("sample_weight", [0.0, 0.25, 2.0])
def test_the_sample_term_is_weighed_alone(sample_weight: float) -> None:
    features, labels = batch()
    expected = sample_weight * printed_sample_term(features, labels)
    expected += ALPHA * printed_modality_term(features, labels)
    loss = CrossDirectionalCenterLoss(ALPHA, sample_weight=sample_weight)
    found = loss(torch.tensor(features), torch.tensor(labels))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_equals_the_equations_in_single_precision() -> None:
    features, labels = batch()
    expected = printed_sample_term(features, labels) + ALPHA * printed_modality_term(
        features, labels
    )
    loss = CrossDirectionalCenterLoss(ALPHA)(torch.tensor(features).float(), torch.tensor(labels))
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_gradient_equals_equation_12() -> None:
    features, labels = batch()
    found = gradient_of(CrossDirectionalCenterLoss(alpha=1.0), features, labels)
    np.testing.assert_allclose(found, printed_gradient(features, labels), atol=1e-12)


def test_mean_reduction_is_4_over_p_times_the_papers() -> None:
    features, labels = batch()
    factor = 4 / IDENTITIES
    tensors = torch.tensor(features), torch.tensor(labels)
    paper = CrossDirectionalCenterLoss(ALPHA, "paper")(*tensors)
    mean = CrossDirectionalCenterLoss(ALPHA, "mean")(*tensors)
    assert mean.item() == pytest.approx(factor * paper.item())
    found = gradient_of(CrossDirectionalCenterLoss(1.0, "mean"), features, labels)
    np.testing.assert_allclose(found, factor * printed_gradient(features, labels), atol=1e-12)


def test_a_full_mask_changes_nothing() -> None:
    features, labels = (torch.tensor(part) for part in batch())
    loss = CrossDirectionalCenterLoss(ALPHA)
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    assert torch.equal(loss(features, labels, mask), loss(features, labels))


def test_missing_modalities_take_no_part_whatever_stands_there() -> None:
    features, labels = (torch.tensor(part) for part in batch())
    mask = torch.rand(features.shape[:2], generator=torch.Generator().manual_seed(3)) < 0.6
    mask[:, 0] |= ~mask.any(dim=1)
    loss = CrossDirectionalCenterLoss(ALPHA, "mean")
    spoiled = torch.where(mask.unsqueeze(-1), features, torch.nan)
    zeroed = torch.where(mask.unsqueeze(-1), features, 0)
    assert torch.equal(loss(spoiled, labels, mask), loss(zeroed, labels, mask))
    spoiled.requires_grad_()
    loss(spoiled, labels, mask).backward()  # type: ignore[no-untyped-call]
    assert spoiled.grad is not None
    assert torch.isfinite(spoiled.grad).all()
    assert not spoiled.grad[~mask].any()


def test_centers_are_means_over_what_is_there() -> None:
    # One identity: (RGB, NIR), (RGB); sample centers 1 and 4, modality centers RGB 3, NIR 0.
    features = torch.tensor([[[2.0], [0.0], [9.0]], [[4.0], [9.0], [9.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    terms = CrossDirectionalCenterLoss().terms(features, torch.tensor([0, 0]), mask)
    assert terms.sample.item() == pytest.approx((4 - 1) ** 2 / (2 * 2 * 1))
    assert terms.modality.item() == pytest.approx((3 - 0) ** 2 / (2 * 2 * 1))


def test_identities_without_a_pair_do_not_count_in_the_mean() -> None:
    features, labels = (torch.tensor(part) for part in batch())
    loss = CrossDirectionalCenterLoss(ALPHA, "mean")
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    lone = torch.full((1, *features.shape[1:]), 5.0, dtype=features.dtype)
    with_lone = torch.cat([features, lone]), torch.cat([labels, torch.tensor([99])])
    rgb_alone = torch.cat([mask, torch.tensor([[True, False, False]])])
    assert loss(*with_lone, rgb_alone).item() == pytest.approx(loss(features, labels).item())


def test_rgb_alone_has_no_modality_term_and_a_finite_gradient() -> None:
    features = torch.randn(6, 3, 4, requires_grad=True)
    mask = torch.tensor([True, False, False]).repeat(6, 1)
    terms = CrossDirectionalCenterLoss().terms(features, torch.tensor([0, 0, 1, 1, 2, 2]), mask)
    assert terms.modality.item() == 0
    (terms.sample + terms.modality).backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    loss = CrossDirectionalCenterLoss()
    with pytest.raises(TrainingError, match="labels"):
        loss(torch.zeros(4, 3, 2), torch.zeros(3))
    with pytest.raises(TrainingError, match="mask"):
        loss(torch.zeros(4, 3, 2), torch.zeros(4), torch.ones(4, 2))
    with pytest.raises(TrainingError, match="reduction"):
        CrossDirectionalCenterLoss(reduction="sum")  # type: ignore[arg-type]
