"""Backbone halves with a unit between them: the part that a modality has for itself (Eq. 1)."""

from typing import cast

import torch
from torch import Tensor, nn

from training.model.gradient_checkpointing import run_checkpointed
from training.model.layers import layers_of
from training.model.normalisation import MiddleNormalisation, middle_normalisation
from training.model.split_backbone import SplitBackbone
from training.model.vision_transformer import TokenNormalisation


class Trunk(nn.Module):
    """Images (n, 3, H, W) to the last feature: a map (n, D, h, w), or tokens (n, T, D).

    Args:
        backbone: the two halves, owned by this trunk alone.
        normalisation: what stands between the halves.

    Attributes:
        gradient_checkpointing: keep only the layers' inputs for the backward pass, and run the
            layers again there; see `training.model.set_gradient_checkpointing`.
    """

    def __init__(self, backbone: SplitBackbone, normalisation: MiddleNormalisation) -> None:
        super().__init__()
        self.tokens = backbone.tokens
        self.gradient_checkpointing = False
        self.lower = backbone.lower
        unit = middle_normalisation(normalisation, backbone.middle_channels)
        if backbone.tokens is not None and normalisation != "none":
            unit = TokenNormalisation(unit, backbone.tokens)
        self.middle = unit
        self.upper = backbone.upper

    def last_feature(self, images: Tensor) -> Tensor:
        """Returns what the upper half makes of the normalised middle feature."""
        if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
            layers = [*layers_of(self.lower), self.middle, *layers_of(self.upper)]
            return run_checkpointed(layers, images)
        return cast(Tensor, self.upper(self.middle(self.lower(images))))

    def backbone_layers(self) -> list[nn.Sequential]:
        """Layers of both halves, first to last."""
        return [*layers_of(self.lower), *layers_of(self.upper)]

    @torch.no_grad()
    def middle_statistics(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the middle feature before and after the unit (Fig. 3 and 9).

        Of each image, over C, H and W (of a vision transformer over the patches), with the biased
        deviation of Eq. 3. To be called in evaluation mode.

        Args:
            images: (n, 3, H, W).

        Returns:
            Two tensors (n, 2), of mean and deviation each: before the unit and after it.
        """
        before = self.lower(images)
        return self._statistics(before), self._statistics(self.middle(before))

    def _statistics(self, middle: Tensor) -> Tensor:
        shown = middle if self.tokens is None else self.tokens.to_map(middle)
        flat = shown.float().flatten(1)
        return torch.stack([flat.mean(dim=1), flat.std(dim=1, correction=0)], dim=1)


def set_gradient_checkpointing(model: nn.Module, enabled: bool) -> None:
    """Lets every backbone of a network keep less for the backward pass and compute more, or not.

    Outputs, gradients and running statistics are the same either way.
    """
    for module in model.modules():
        if isinstance(module, Trunk):
            module.gradient_checkpointing = enabled
