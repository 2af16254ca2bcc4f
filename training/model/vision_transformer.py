"""Vision transformers cut in two: a unit between the blocks that works on the patches as a map."""

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from training.model.split_backbone import Pooling, SplitBackbone, TokenGrid
from vreid.errors import ConfigurationError

TokenPooling = Literal["class", "patches", "both"]


class TokenEmbedding(nn.Module):
    """Pictures to tokens: patches, class token, position embedding; (N, 3, H, W) -> (N, T, C).

    The position embedding is a parameter of the image size it was made for; nothing is interpolated
    when images pass.
    """

    def __init__(self, network: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.patches = network.patch_embed
        self.class_token = network.cls_token
        self.positions = network.pos_embed
        self.norm = network.norm_pre

    def forward(self, images: Tensor) -> Tensor:
        """Returns the tokens, the class token first."""
        patches = self.patches(images)
        tokens = torch.cat([self.class_token.expand(patches.shape[0], -1, -1), patches], dim=1)
        return cast(Tensor, self.norm(tokens + self.positions))


class TokenNormalisation(nn.Module):
    """A unit for maps between blocks of tokens, (N, T, C) -> (N, T, C).

    The patches are laid out as the map (N, C, h, w) that they are, and the unit works on it as it
    does on a convolutional feature: ALNU's mean and deviation are those of the patches over C, h
    and w. The class token is no place of the picture and its values have another scale, so it takes
    no part in the statistics and passes as it is; in the next block it attends to the normalised
    patches.

    The blocks that follow begin by normalising every token over its channels, which takes away what
    ALNU subtracts and adds (mu and beta are the same for all channels) and leaves its factor
    gamma / sigma: how much a sample's patches weigh against what the blocks add to them.
    """

    def __init__(self, unit: nn.Module, grid: TokenGrid) -> None:
        super().__init__()
        self.unit = unit
        self.grid = grid

    def forward(self, tokens: Tensor) -> Tensor:
        """Normalises the patches and puts the class token back before them."""
        normalised = self.unit(self.grid.to_map(tokens).contiguous())
        return torch.cat(self.grid.with_map(tokens, normalised), dim=1)


def class_token(tokens: Tensor) -> Tensor:
    """(N, T, C) -> (N, C)."""
    return tokens[:, 0]


def mean_patch(tokens: Tensor) -> Tensor:
    """Mean over all tokens but the class token, (N, T, C) -> (N, C)."""
    return tokens[:, 1:].mean(dim=1)


def class_token_and_mean_patch(tokens: Tensor) -> Tensor:
    """Both after each other, (N, T, C) -> (N, 2C)."""
    return torch.cat([class_token(tokens), mean_patch(tokens)], dim=1)


_POOLINGS: dict[TokenPooling, tuple[Pooling, int]] = {
    "class": (class_token, 1),
    "patches": (mean_patch, 1),
    "both": (class_token_and_mean_patch, 2),
}


def split_vision_transformer(network: Any, pooling: TokenPooling = "class") -> SplitBackbone:  # noqa: ANN401
    """Cuts a timm vision transformer with one class token after half of its blocks."""
    half = len(network.blocks) // 2
    pool, parts = _POOLINGS[pooling]
    height, width = network.patch_embed.grid_size
    return SplitBackbone(
        nn.Sequential(TokenEmbedding(network), *network.blocks[:half]),
        nn.Sequential(*network.blocks[half:], network.norm),
        network.embed_dim,
        parts * network.embed_dim,
        pool,
        TokenGrid(height, width),
    )


def fit_to_image_size(network: Any, image_size: tuple[int, int]) -> None:  # noqa: ANN401
    """Interpolates a transformer's position embedding to images of (H, W), once and in place.

    Raises:
        ConfigurationError: the patches do not fill such images.
    """
    patch = network.patch_embed.patch_size
    for name, length, step in zip(("height", "width"), image_size, patch, strict=True):
        if length % step:
            raise ConfigurationError(
                f"the backbone cuts images into patches of {step} pixels, and preprocessing.{name} "
                f"is {length}; take a multiple, such as {max(1, round(length / step)) * step}"
            )
    network.set_input_size(img_size=image_size)
