"""The circle loss against a transcription of Eq. 6 and 8-10 of its paper."""

import numpy as np
import pytest
import torch

from tests.training.losses.batches import Float, drawn_batch
from training.losses import CircleLoss

MARGIN, SCALE = 0.25, 16.0


def cosines(features: Float) -> Float:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


def weights_of(features: Float) -> tuple[Float, Float]:
    """alpha_p and alpha_n, which the gradient takes as constants."""
    scores = cosines(features)
    return np.maximum(1 + MARGIN - scores, 0), np.maximum(scores + MARGIN, 0)


def printed(features: Float, labels: Float, weights: tuple[Float, Float]) -> float:
    """One modality: the mean over anchors that have a positive and a negative."""
    scores, (of_positive, of_negative) = cosines(features), weights
    losses = []
    for anchor in range(len(labels)):
        others = np.arange(len(labels)) != anchor
        positive = (labels == labels[anchor]) & others
        negative = labels != labels[anchor]
        if not positive.any() or not negative.any():
            continue
        near = -SCALE * of_positive[anchor] * (scores[anchor] - (1 - MARGIN))
        far = SCALE * of_negative[anchor] * (scores[anchor] - MARGIN)
        product = np.exp(near[positive]).sum() * np.exp(far[negative]).sum()
        losses.append(np.log1p(product))
    return float(np.mean(losses)) if losses else 0.0


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_is_the_sum_of_the_modalities_circle_losses(missing: float) -> None:
    batch = drawn_batch(seed=5, missing=missing)
    features, labels, mask = (part.numpy() for part in batch)
    expected = 0.0
    for m in range(3):
        own = features[mask[:, m], m]
        expected += printed(own, labels[mask[:, m]], weights_of(own))
    assert CircleLoss(MARGIN, SCALE)(*batch).item() == pytest.approx(expected)


def test_the_gradient_is_the_derivative_with_the_pairs_weights_held_constant() -> None:
    batch = drawn_batch(seed=6, samples=6, identities=2, size=3, missing=0.0)
    mask = torch.tensor([[True, False, False]] * 6)
    features = batch.features.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(
        CircleLoss(MARGIN, SCALE)(features, batch.labels, mask), features
    )
    rows, labels = batch.features[:, 0].numpy(), batch.labels.numpy()
    weights, step = weights_of(rows), 1e-6
    for index in np.ndindex(rows.shape):
        above, below = rows.copy(), rows.copy()
        above[index] += step
        below[index] -= step
        slope = (printed(above, labels, weights) - printed(below, labels, weights)) / (2 * step)
        assert gradient[index[0], 0, index[1]].item() == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_identities_well_apart_cost_next_to_nothing() -> None:
    axes = torch.eye(3).repeat_interleave(2, dim=0)[:, None, :]
    apart = CircleLoss()(axes, torch.tensor([0, 0, 1, 1, 2, 2]), torch.ones(6, 1, dtype=torch.bool))
    mixed = CircleLoss()(axes, torch.tensor([0, 1, 1, 2, 2, 0]), torch.ones(6, 1, dtype=torch.bool))
    assert apart.item() < 1e-2 < mixed.item()
