"""What networks that compute a sample's modalities together have in common."""

import copy
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from training.model.backbones import backbone_definition, split_backbone
from training.model.network import (
    CCNetOutput,
    Network,
    complete_mask,
    present_rows,
    stack_modalities,
)
from training.model.normalisation import MiddleNormalisation
from training.model.pretrained import NONE, pretrained_network
from training.model.trunk import Trunk
from vreid.errors import ConfigurationError
from vreid.modality import MODALITIES, Modality


class JointNetwork(Network):
    """Three backbones without shared weights, whose last maps a subclass brings together.

    A missing modality's map is zero and its backbone does not see the sample: missing images take
    no part in batch statistics.

    Args:
        backbone: a convolutional one of `training.model.backbones.BACKBONES`.
        identities: number of identities it classifies.
        normalisation: what stands in the middle of each backbone.
        pretrained: where first weights come from, see `training.model.pretrained`.
        drop_path: share of residual blocks skipped in training, see `create_network`.

    Raises:
        ConfigurationError: the backbone is a vision transformer.
    """

    joint: ClassVar[bool] = True

    def __init__(
        self,
        backbone: str = "resnet50",
        identities: int = 0,
        normalisation: MiddleNormalisation = "none",
        pretrained: str = NONE,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if backbone_definition(backbone).tokens:
            raise ConfigurationError(
                f"{type(self).__name__} fuses the maps of convolutional backbones; set "
                f"model.backbone to one, such as resnet50, or model.architecture to ccnet for "
                f"{backbone!r}"
            )
        network = pretrained_network(backbone, pretrained, drop_path)
        splits = [split_backbone(backbone, copy.deepcopy(network)) for _ in MODALITIES]
        self.trunks = nn.ModuleDict(
            {
                modality.value: Trunk(split, normalisation)
                for modality, split in zip(MODALITIES, splits, strict=True)
            }
        )
        self.identities = identities
        self.channels = splits[0].feature_size

    def fuse(self, maps: Tensor, mask: Tensor) -> CCNetOutput:
        """Makes the output of the last maps (B, 3, channels, h, w), zero where mask (B, 3) is."""
        raise NotImplementedError

    def forward(self, images: Tensor, mask: Tensor | None = None) -> CCNetOutput:
        """See `Network.forward`."""
        mask = complete_mask(images, mask)
        return self.fuse(self.last_maps(images, mask), mask)

    def embed_subset(self, maps: Tensor, mask: Tensor) -> Tensor:
        """What samples would be stored as if only some of their modalities were there.

        Args:
            maps: (B, 3, channels, h, w), from `last_maps` in evaluation mode.
            mask: (B, 3) bool, what is left; rows without any modality give what means nothing.

        Returns:
            (B, feature_size).
        """
        return self.fuse(without_missing(maps, mask), mask).neck[:, 0]

    def trunk(self, modality: Modality) -> Trunk:
        """Returns the backbone of one modality."""
        return cast(Trunk, self.trunks[modality.value])

    def last_maps(self, images: Tensor, mask: Tensor) -> Tensor:
        """Each modality's last map, zero where it is missing.

        Args:
            images: (B, 3, 3, H, W), axis 1 the modality; what stands at missing ones is ignored.
            mask: (B, 3) bool.

        Returns:
            (B, 3, channels, h, w).
        """
        maps = {}
        for index, rows in present_rows(mask):
            taken = images[rows, index].contiguous(memory_format=torch.channels_last)
            maps[index] = rows, self.trunk(MODALITIES[index]).last_feature(taken)
        _, present = next(iter(maps.values()))
        return stack_modalities(maps, present.new_zeros(len(images), *present.shape[1:]))


def without_missing(maps: Tensor, mask: Tensor) -> Tensor:
    """Maps (B, 3, C, h, w) with those of modalities that a mask (B, 3) lacks set to zero."""
    return maps * mask[:, :, None, None, None]
