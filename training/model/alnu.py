"""Adaptive layer normalisation unit (Eq. 2-6 of the CCNet paper).

A branch's middle feature differs in brightness and contrast from photograph to photograph far more
than it differs between vehicles. The unit removes each sample's own mean and deviation, and gives
back a learned scale and shift that are read from the feature before it was normalised.
"""

from typing import cast

import torch
from torch import Tensor, nn


class AdaptiveLearningBlock(nn.Module):
    """Reads one scalar in (0, 1) per sample from a feature map: (N, C, H, W) -> (N, 1, 1, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter, sixteenth = max(1, channels // 4), max(1, channels // 16)
        # A bias before batch normalisation would be subtracted again.
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, quarter, 3, padding=1, bias=False),
            nn.BatchNorm2d(quarter),
            nn.ReLU(inplace=True),
            nn.Conv2d(quarter, sixteenth, 3, padding=1, bias=False),
            nn.BatchNorm2d(sixteenth),
            nn.ReLU(inplace=True),
        )
        self.scalar = nn.Conv2d(2 * sixteenth, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Returns one value in (0, 1) per sample, shape (N, 1, 1, 1)."""
        narrow = self.convolutions(features)
        pooled = torch.cat(
            [narrow.mean(dim=(2, 3), keepdim=True), narrow.amax(dim=(2, 3), keepdim=True)], dim=1
        )
        return torch.sigmoid(self.scalar(pooled))


class ALNU(nn.Module):
    """Adaptive layer normalisation unit: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C of the feature it normalises.
        eps: added to the variance inside the root.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = AdaptiveLearningBlock(channels)
        self.beta = AdaptiveLearningBlock(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Normalises each sample over C, H and W (Eq. 2-4), then scales and shifts it (Eq. 5-6)."""
        normalised = self._normalise(features)
        return cast(Tensor, self.gamma(features) * normalised + self.beta(features))

    def _normalise(self, features: Tensor) -> Tensor:
        # A variance beyond 65504, of a deviation of 256, is infinite in half precision.
        wide = features.float() if features.dtype.itemsize < 4 else features
        mean = wide.mean(dim=(1, 2, 3), keepdim=True)
        variance = wide.var(dim=(1, 2, 3), keepdim=True, unbiased=False)
        return ((wide - mean) * torch.rsqrt(variance + self.eps)).to(features.dtype)
