"""What may stand in the middle of a branch: ALNU, or a unit that the paper compares it with."""

from typing import Literal

from torch import nn

from training.model.alnu import ALNU

MiddleNormalisation = Literal["alnu", "batch", "instance", "layer", "none"]


def middle_normalisation(kind: MiddleNormalisation, channels: int) -> nn.Module:
    """Makes the unit between the two halves of a branch, (N, C, H, W) -> (N, C, H, W)."""
    match kind:
        case "alnu":
            return ALNU(channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)
        case "layer":
            # One group is layer normalisation over C, H and W with a scale and shift per channel.
            return nn.GroupNorm(1, channels)
        case "none":
            return nn.Identity()
