"""Cross-directional center loss (Eq. 7-15 of the CCNet paper), generalised to missing modalities.

Both terms sum squared distances over all pairs of a set of centers. Over n points that sum is n
times the sum of squared deviations from their mean, so no pair is ever formed:
`1/(2n(n-1)) * sum over pairs ||a - b||^2 = sum ||a - mean||^2 / (2(n-1))`.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.losses.centers import (
    checked_mask,
    identity_numbers,
    modality_centers,
    sample_centers,
    sum_by,
)

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
        present = checked_mask(features, labels, mask)
        kept, identities, count = identity_numbers(labels, present)
        features, present = features[kept], present[kept]

        centers_of_samples = sample_centers(features, present)
        samples = torch.bincount(identities, minlength=count)
        sample_means = sum_by(centers_of_samples, identities, count) / samples.unsqueeze(1)
        sample_scatter = sum_by(
            (centers_of_samples - sample_means[identities]).square().sum(dim=1), identities, count
        )
        centers = modality_centers(features, identities, present, count)
        return CrossDirectionalTerms(
            self._reduce(sample_scatter, samples),
            self._reduce(centers.scatter(), centers.present.sum(dim=1)),
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
