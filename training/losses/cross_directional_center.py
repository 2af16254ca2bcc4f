"""Cross-directional center loss (Eq. 7-15 of the CCNet paper), generalised to missing modalities.

Both terms sum squared distances over all pairs of a set of centers. Over n points that sum is n
times the sum of squared deviations from their mean, so no pair is ever formed:
`1/(2n(n-1)) * sum over pairs ||a - b||^2 = sum ||a - mean||^2 / (2(n-1))`.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

from training.errors import TrainingError

Reduction = Literal["paper", "mean"]


class CrossDirectionalTerms(NamedTuple):
    """The two terms of the loss, scalars, before alpha weighs the second."""

    sample: Tensor
    modality: Tensor


class CrossDirectionalCenterLoss(nn.Module):
    """`L_CdC = L_S + alpha * L_M` (15).

    `L_S` draws the samples of an identity together by their centers over modalities (7, 8); `L_M`
    draws its modalities together by their centers over samples (9, 10).

    Where modalities are missing, a sample center is the mean over those it has, and a modality
    center the mean over the samples that have it; K and M are then counted for each identity. An
    identity with one sample adds nothing to `L_S`, one with a single modality nothing to `L_M`.

    Args:
        alpha: weight of `L_M`.
        reduction: "paper" sums over identities as printed; "mean" averages over pairs and over
            the identities that have any, as the released code does: 4/P times "paper" when nothing
            is missing.
        sample_weight: weight of `L_S`; 0 leaves `L_M` alone, a row of the paper's Table V.
    """

    def __init__(
        self, alpha: float = 0.6, reduction: Reduction = "paper", sample_weight: float = 1.0
    ) -> None:
        super().__init__()
        if reduction not in ("paper", "mean"):
            raise TrainingError(f"Unknown reduction {reduction!r}. Use 'paper' or 'mean'.")
        self.alpha = alpha
        self.sample_weight = sample_weight
        self.reduction = reduction

    def forward(self, features: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the loss, a scalar.

        Args:
            features: (B, M, D) branch features before the neck.
            labels: (B,) identity of each sample.
            mask: (B, M) bool, which modalities are there; None for all. What stands at missing ones
                is ignored.

        Raises:
            TrainingError: the shapes do not fit together.
        """
        terms = self.terms(features, labels, mask)
        return self.sample_weight * terms.sample + self.alpha * terms.modality

    def terms(
        self, features: Tensor, labels: Tensor, mask: Tensor | None = None
    ) -> CrossDirectionalTerms:
        """Returns `L_S` and `L_M` separately; arguments as in `forward`."""
        present = _checked_mask(features, labels, mask)
        samples_present = present.any(dim=1)
        kept, identities, count = _identity_numbers(features, labels, samples_present)
        values = torch.where(present[kept].unsqueeze(-1), features[kept], 0)
        weights = present[kept].to(values.dtype)

        centers_of_samples = sample_centers(values, present[kept])
        samples = torch.bincount(identities, minlength=count)
        sample_means = _sum_by(centers_of_samples, identities, count) / samples.unsqueeze(1)
        sample_scatter = _sum_by(
            (centers_of_samples - sample_means[identities]).square().sum(dim=1), identities, count
        )

        having = _sum_by(weights, identities, count)
        centers = _sum_by(values, identities, count) / having.clamp(min=1).unsqueeze(-1)
        has_modality = having > 0
        modalities = has_modality.sum(dim=1)
        center_means = centers.sum(dim=1) / modalities.unsqueeze(1)
        deviations = (centers - center_means.unsqueeze(1)).square().sum(dim=2)
        modality_scatter = (deviations * has_modality).sum(dim=1)

        return CrossDirectionalTerms(
            self._reduce(sample_scatter, samples), self._reduce(modality_scatter, modalities)
        )

    def _reduce(self, scatter: Tensor, sizes: Tensor) -> Tensor:
        """Sums `scatter / (2(n-1))` over the identities with at least two points."""
        paired = sizes > 1
        total = (torch.where(paired, scatter, 0) / (2 * (sizes - 1).clamp(min=1))).sum()
        return total if self.reduction == "paper" else 4 * total / paired.sum().clamp(min=1)

    if TYPE_CHECKING:

        def __call__(  # noqa: D102
            self, features: Tensor, labels: Tensor, mask: Tensor | None = None
        ) -> Tensor: ...


def sample_centers(features: Tensor, mask: Tensor) -> Tensor:
    """Means over the modalities that each sample has (7), (B, D); zero where it has none.

    Args:
        features: (B, M, D); what stands at missing modalities is ignored.
        mask: (B, M) bool.
    """
    values = torch.where(mask.unsqueeze(-1), features, 0)
    return values.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1).to(values.dtype)


def _checked_mask(features: Tensor, labels: Tensor, mask: Tensor | None) -> Tensor:
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


def _identity_numbers(
    features: Tensor, labels: Tensor, samples_present: Tensor
) -> tuple[Tensor, Tensor, int]:
    """Rows with any modality, their identities renumbered 0..P-1, and P."""
    kept = samples_present.nonzero().squeeze(1)
    names, identities = torch.unique(labels[kept], return_inverse=True)
    return kept, identities.to(features.device), len(names)


def _sum_by(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Sums rows of equal group: (n, ...) -> (count, ...)."""
    return values.new_zeros(count, *values.shape[1:]).index_add(0, groups, values)
