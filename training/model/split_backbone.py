"""A backbone cut in two: what a branch needs to know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn


class TokenGrid(NamedTuple):
    """How the tokens of a vision transformer lie: class tokens first, then patches row by row.

    Attributes:
        height, width: patches from top to bottom and from left to right.
        prefix: tokens before the patches, which are no places of the picture.
    """

    height: int
    width: int
    prefix: int = 1

    def to_map(self, tokens: Tensor) -> Tensor:
        """The patches of tokens (N, prefix + height * width, C) as a map (N, C, height, width)."""
        patches = tokens[:, self.prefix :].transpose(1, 2)
        return patches.reshape(*patches.shape[:2], self.height, self.width)

    def with_map(self, tokens: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens before the patches, and the patches of a map (N, C, height, width)."""
        return tokens[:, : self.prefix], patches.flatten(2).transpose(1, 2)


Pooling = Callable[[Tensor], Tensor]
"""The upper half's output -> (N, feature_size)."""


def average_map(features: Tensor) -> Tensor:
    """Global average pooling, (N, D, h, w) -> (N, D)."""
    return features.mean(dim=(2, 3))


@dataclass(frozen=True)
class SplitBackbone:
    """The two halves of a backbone.

    Attributes:
        lower: images (N, 3, H, W) -> middle feature: a map (N, middle_channels, h, w), or tokens
            (N, T, middle_channels) where `tokens` says how they lie.
        upper: middle feature -> last feature: a map (N, D, h', w'), or tokens (N, T, D).
        middle_channels: channels of the middle feature.
        feature_size: length of what `pooling` makes of the last feature.
        pooling: last feature -> (N, feature_size): the branch's feature before the neck.
        tokens: of a vision transformer; None where the features are maps.
    """

    lower: nn.Sequential
    upper: nn.Sequential
    middle_channels: int
    feature_size: int
    pooling: Pooling = average_map
    tokens: TokenGrid | None = None
