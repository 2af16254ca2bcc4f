"""Means of features over modalities and over samples (Eq. 7, 9), where some may be missing."""

from typing import NamedTuple

import torch
from torch import Tensor

from training.errors import TrainingError


class ModalityCenters(NamedTuple):
    """The centers of the P identities in a batch.

    Attributes:
        centers: (P, M, D), an identity's mean over its samples in each modality; zero where it has
            none.
        present: (P, M) bool, where it has one.
    """

    centers: Tensor
    present: Tensor

    def scatter(self) -> Tensor:
        """Sums each identity's squared deviations from the mean of its centers, (P,)."""
        counts = self.present.sum(dim=1)
        means = self.centers.sum(dim=1) / counts.clamp(min=1).unsqueeze(1)
        deviations = (self.centers - means.unsqueeze(1)).square().sum(dim=2)
        return torch.where(self.present, deviations, 0).sum(dim=1)


def sample_centers(features: Tensor, mask: Tensor) -> Tensor:
    """Means over the modalities that each sample has (7), (B, D); zero where it has none.

    Args:
        features: (B, M, D); what stands at missing modalities is ignored.
        mask: (B, M) bool.
    """
    values = torch.where(mask.unsqueeze(-1), features, 0)
    return values.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1).to(values.dtype)


def modality_centers(
    features: Tensor, identities: Tensor, mask: Tensor, count: int
) -> ModalityCenters:
    """Means over an identity's samples that have a modality (9).

    Args:
        features: (B, M, D); what stands at missing modalities is ignored.
        identities: (B,) numbers below `count`, see `identity_numbers`.
        mask: (B, M) bool.
        count: P.
    """
    values = torch.where(mask.unsqueeze(-1), features, 0)
    having = sum_by(mask.to(values.dtype), identities, count)
    centers = sum_by(values, identities, count) / having.clamp(min=1).unsqueeze(-1)
    return ModalityCenters(centers, having > 0)


def checked_mask(features: Tensor, labels: Tensor, mask: Tensor | None) -> Tensor:
    """The mask as bool, all True for None, once the shapes are known to fit.

    Raises:
        TrainingError: features are not (B, M, D), labels not (B,) or the mask not (B, M).
    """
    if features.ndim != 3 or labels.shape != features.shape[:1]:
        raise TrainingError(
            f"Expected features (B, M, D) and labels (B,), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}."
        )
    if mask is None:
        return torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
    if mask.shape != features.shape[:2]:
        raise TrainingError(
            f"Expected a mask of shape {tuple(features.shape[:2])}, got {tuple(mask.shape)}."
        )
    return mask.bool()


def identity_numbers(labels: Tensor, present: Tensor) -> tuple[Tensor, Tensor, int]:
    """Rows with any modality, their identities renumbered 0..P-1, and P.

    Args:
        labels: (B,) identities.
        present: (B, M) bool.
    """
    kept = present.any(dim=1).nonzero().squeeze(1)
    names, identities = torch.unique(labels[kept], return_inverse=True)
    return kept, identities.to(present.device), len(names)


def sum_by(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Sums rows of equal group: (n, ...) -> (count, ...)."""
    return values.new_zeros(count, *values.shape[1:]).index_add(0, groups, values)
