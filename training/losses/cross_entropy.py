"""Identity cross entropy, summed over branches."""

import torch
from torch import Tensor
from torch.nn import functional

from training.floating_point import at_least_float32
from training.model.network import present_rows


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    mask: Tensor,
    label_smoothing: float = 0.0,
    label_space: Tensor | None = None,
) -> Tensor:
    """Sums over modalities the mean cross entropy of the samples that have the modality.

    Args:
        logits: (B, M, identities).
        labels: (B,) column of each sample's identity.
        mask: (B, M) bool, which modalities are there.
        label_smoothing: share of the target spread evenly over the label space.
        label_space: (M, identities) bool, identities that occur in a modality at all; the others
            are left out of that branch's softmax. None for all.
    """
    total = logits.new_zeros(())
    for modality, rows in present_rows(mask):
        scores, targets = logits[rows, modality], labels[rows]
        if label_space is not None:
            space = label_space[modality]
            # Positions within the label space: column j becomes the number of columns before it.
            targets = (space.cumsum(0) - 1)[targets]
            scores = scores[:, space]
        total = total + functional.cross_entropy(
            at_least_float32(scores), targets, label_smoothing=label_smoothing
        )
    return total


def label_space_of(labels: Tensor, mask: Tensor, identities: int) -> Tensor:
    """Marks which identities occur in which modality.

    Args:
        labels: (N,) of all training samples.
        mask: (N, M) bool of all training samples.
        identities: number of columns.

    Returns:
        (M, identities) bool.
    """
    space = torch.zeros(mask.shape[1], identities, dtype=torch.bool)
    for modality in range(mask.shape[1]):
        space[modality, labels[mask[:, modality]]] = True
    return space
