"""Batch-hard triplet loss, one modality at a time."""

import torch
from torch import Tensor
from torch.nn import functional

from training.floating_point import at_least_float32
from training.model.network import present_rows


def batch_hard_triplet(
    features: Tensor, labels: Tensor, mask: Tensor, margin: float | None = 0.3
) -> Tensor:
    """Sums over modalities the mean over anchors of farthest positive against nearest negative.

    Distances are Euclidean, between samples that have the modality. An anchor without a positive or
    without a negative in the batch takes no part.

    Args:
        features: (B, M, D) branch features before the neck.
        labels: (B,) identities.
        mask: (B, M) bool, which modalities are there.
        margin: of the hinge; None for the soft margin, `log(1 + exp(positive - negative))`.
    """
    total, wide = features.new_zeros(()), at_least_float32(features)
    for modality, rows in present_rows(mask):
        total = total + _batch_hard(wide[rows, modality], labels[rows], margin)
    return total


def _batch_hard(features: Tensor, labels: Tensor, margin: float | None) -> Tensor:
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    distances = _distances(features)
    farthest = distances.masked_fill(~same | itself, -torch.inf).amax(dim=1)
    nearest = distances.masked_fill(same, torch.inf).amin(dim=1)
    usable = torch.isfinite(farthest) & torch.isfinite(nearest)
    if not usable.any():
        # Keeps the graph: the optimiser sees a zero gradient, not a missing one.
        return 0 * features.sum()
    difference = farthest[usable] - nearest[usable]
    if margin is None:
        return functional.softplus(difference).mean()
    return functional.relu(difference + margin).mean()


def _distances(features: Tensor) -> Tensor:
    squares = features.square().sum(dim=1)
    squared = squares.unsqueeze(0) + squares.unsqueeze(1) - 2 * features @ features.T
    # The root has no gradient at zero, where equal features and rounding would put it.
    return squared.clamp(min=1e-12).sqrt()
