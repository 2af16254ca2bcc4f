"""CCNet: one branch per modality, no shared weights."""

import copy
from typing import cast

import torch
from torch import Tensor, nn

from training.model.backbones import split_backbone
from training.model.branch import Branch
from training.model.network import (
    CCNetOutput,
    Network,
    complete_mask,
    present_rows,
    stack_modalities,
)
from training.model.normalisation import MiddleNormalisation
from training.model.pretrained import NONE, pretrained_network
from training.model.vision_transformer import TokenPooling
from vreid.modality import MODALITIES, Modality


class CCNet(Network):
    """Cross-directional consistency network.

    Args:
        backbone: a name in `training.model.backbones.BACKBONES`.
        identities: number of identities it classifies in training; 0 to embed only.
        normalisation: what stands in the middle of each branch.
        pretrained: where first weights come from, see `training.model.pretrained`.
        image_size: (H, W) that a vision transformer is fitted to; None for the size its weights
            were made for. Convolutional backbones take any size.
        pooling: what of a vision transformer's tokens is the branch's feature.
        drop_path: share of residual blocks skipped in training, see `create_network`.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        identities: int = 0,
        normalisation: MiddleNormalisation = "alnu",
        pretrained: str = NONE,
        image_size: tuple[int, int] | None = None,
        pooling: TokenPooling = "class",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        network = pretrained_network(backbone, pretrained, drop_path)

        def make_branch() -> Branch:
            split = split_backbone(backbone, copy.deepcopy(network), image_size, pooling)
            return Branch(split, normalisation, identities)

        self.branches = nn.ModuleDict({modality.value: make_branch() for modality in MODALITIES})
        self.identities = identities
        self.feature_size = self.metric_feature_size = self.branch(MODALITIES[0]).feature_size

    def branch(self, modality: Modality) -> Branch:
        """Returns the branch of one modality."""
        return cast(Branch, self.branches[modality.value])

    def forward(self, images: Tensor, mask: Tensor | None = None) -> CCNetOutput:
        """Runs each branch on the rows that have its modality, and on those alone.

        A missing image therefore takes no part in a branch's batch statistics, and a branch without
        any row does not run.

        Args:
            images: (B, 3, 3, H, W), axis 1 the modality; what stands at missing ones is ignored.
            mask: (B, 3) bool, which modalities are there; None for all.
        """
        mask = complete_mask(images, mask)
        outputs = {}
        for index, rows in present_rows(mask):
            present = images[rows, index].contiguous(memory_format=torch.channels_last)
            outputs[index] = rows, self.branch(MODALITIES[index])(present)

        def assemble(part: int, width: int) -> Tensor:
            found = {index: (rows, output[part]) for index, (rows, output) in outputs.items()}
            return stack_modalities(found, images.new_zeros(len(images), width))

        sizes = (self.feature_size, self.feature_size, self.identities)
        return CCNetOutput(*(assemble(part, width) for part, width in enumerate(sizes)))
