"""Center loss (Wen et al., ECCV 2016), a comparator of the paper's Table VI."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.losses.centers import checked_mask, sum_by


class CenterLoss(nn.Module):
    """Half the squared distance of a feature to the center of its identity, on average.

    An identity has one center for all modalities together, which is what distinguishes this loss
    from those that treat the modalities apart. The average is over all images of the batch, so that
    the weight does not depend on its size.

    The centers start at zero and follow the features by the rule of Wen's Eq. 4, after each loss
    computed in training mode: they are buffers, no parameters, and so neither the optimiser's rate
    nor its weight decay acts on them. Several processes hold equal centers as long as each computes
    the loss over the whole batch, which is how they divide one.

    Args:
        identities: number of centers.
        feature_size: D.
        rate: share of the way to its batch that a center goes, alpha of Wen's Eq. 4; in [0, 1].
    """

    centers: Tensor

    def __init__(self, identities: int, feature_size: int, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centers", torch.zeros(identities, feature_size))

    def forward(self, features: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the loss, a scalar; then moves the centers, in training mode.

        Args:
            features: (B, M, D) branch features before the neck.
            labels: (B,) number of each sample's identity.
            mask: (B, M) bool, which modalities are there; None for all.

        Raises:
            TrainingError: the shapes do not fit together.
        """
        present = checked_mask(features, labels, mask)
        rows, modalities = present.nonzero(as_tuple=True)
        images, identities = features[rows, modalities], labels[rows]
        deviations = images - self.centers[identities].to(images.dtype)
        loss = deviations.square().sum() / (2 * max(len(rows), 1))
        if self.training:
            self._follow(deviations.detach(), identities)
        return loss

    @torch.no_grad()
    def _follow(self, deviations: Tensor, identities: Tensor) -> None:
        """Moves each center by `rate * sum of deviations / (1 + their number)`."""
        count = len(self.centers)
        sums = sum_by(deviations.to(self.centers.dtype), identities, count)
        numbers = torch.bincount(identities, minlength=count).to(self.centers.dtype)
        self.centers += self.rate * sums / (1 + numbers).unsqueeze(1)

    if TYPE_CHECKING:

        def __call__(  # noqa: D102
            self, features: Tensor, labels: Tensor, mask: Tensor | None = None
        ) -> Tensor: ...
