"""PFNet, progressive fusion network (Zheng et al., AAAI 2021).

From the paper: three ResNet50 streams; fusion step by step, first of RGB and NIR, which see
reflected light and suffer from its lack together (illumination fusion), then with TIR, into a
summation branch; from global to local: the maps of the three streams and of the summation branch
are cut into horizontal parts; the parts of all four branches after each other are the
representation; cross entropy on all branches.

Our reading: the illumination fusion weighs RGB against NIR by channel, with two weights that sum to
1 and are read from both maps' means; every part is reduced to 256 numbers by a linear layer; a
branch's parts pass one BNNeck and one classifier together. The paper learns to make up missing maps
from those that are there; as in the experiment of the CCNet paper they are zero here, and so are
their parts of the representation.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.model.branch import Neck, identity_classifier
from training.model.joint_network import JointNetwork
from training.model.network import CCNetOutput, present_rows, stack_modalities
from training.model.normalisation import MiddleNormalisation
from training.model.pretrained import NONE
from vreid.modality import MODALITIES, Modality

PARTS = 3
PART_SIZE = 256
GATE_REDUCTION = 16
REFLECTED = (Modality.RGB.index, Modality.NIR.index)


class IlluminationFusion(nn.Module):
    """Fuses the maps of RGB and NIR by two weights per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        count = len(REFLECTED)
        narrow = max(1, channels // GATE_REDUCTION)
        self.gate = nn.Sequential(
            nn.Linear(count * channels, narrow),
            nn.ReLU(inplace=True),
            nn.Linear(narrow, count * channels),
        )

    def forward(self, maps: Tensor, mask: Tensor) -> Tensor:
        """Returns the fused map, zero where a sample has neither.

        Args:
            maps: (B, 2, C, h, w), zero where missing.
            mask: (B, 2) bool.

        Returns:
            (B, C, h, w).
        """
        scores = self.gate(maps.mean(dim=(3, 4)).flatten(1)).unflatten(1, (maps.shape[1], -1))
        there = mask.unsqueeze(2)
        # A softmax over nothing is not a number; the lowest score instead gives any weights, and
        # the maps that they weigh are zero.
        lowest = torch.finfo(scores.dtype).min
        weights = torch.softmax(scores.masked_fill(~there, lowest), dim=1) * there
        return (weights[..., None, None] * maps).sum(dim=1)


class PartBranch(nn.Module):
    """A map's parts, neck and classifier."""

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__()
        self.reductions = nn.ModuleList(
            nn.Linear(channels, PART_SIZE, bias=False) for _ in range(PARTS)
        )
        self.neck = Neck(PARTS * PART_SIZE)
        self.classifier = identity_classifier(PARTS * PART_SIZE, identities)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Feature (n, D), neck's output (n, D) and logits (n, identities) of (n, C, h, w)."""
        stripes = functional.adaptive_avg_pool2d(maps, (PARTS, 1)).squeeze(3).unbind(dim=2)
        feature = torch.cat(
            [reduction(stripe) for reduction, stripe in zip(self.reductions, stripes, strict=True)],
            dim=1,
        )
        neck = self.neck(feature)
        return feature, neck, self.classifier(neck)


class PFNet(JointNetwork):
    """Arguments and errors as `JointNetwork`."""

    def __init__(
        self,
        backbone: str = "resnet50",
        identities: int = 0,
        normalisation: MiddleNormalisation = "none",
        pretrained: str = NONE,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(backbone, identities, normalisation, pretrained, drop_path)
        self.illumination_fusion = IlluminationFusion(self.channels)
        self.parts = nn.ModuleDict(
            {modality.value: PartBranch(self.channels, identities) for modality in MODALITIES}
        )
        self.summation = PartBranch(self.channels, identities)
        self.metric_feature_size = PARTS * PART_SIZE
        self.feature_size = (len(MODALITIES) + 1) * PARTS * PART_SIZE

    def fuse(self, maps: Tensor, mask: Tensor) -> CCNetOutput:
        """See `JointNetwork.fuse`; `joint_logits` has one column, of the summation branch."""
        reflected = self.illumination_fusion(maps[:, REFLECTED], mask[:, REFLECTED])
        _, joint_neck, joint_logits = self.summation(reflected + maps[:, Modality.TIR.index])
        features, necks, logits = self._single_branches(maps, mask)
        together = torch.cat([necks.flatten(1), joint_neck], dim=1)
        return CCNetOutput(
            features,
            together.unsqueeze(1).expand(-1, len(MODALITIES), -1),
            logits,
            joint_logits.unsqueeze(1),
        )

    def _single_branches(self, maps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features, necks and logits (B, 3, ...), zero where a modality is missing."""
        parts = {
            index: (rows, self.parts[MODALITIES[index].value](maps[rows, index]))
            for index, rows in present_rows(mask)
        }

        def assemble(part: int, width: int) -> Tensor:
            found = {index: (rows, output[part]) for index, (rows, output) in parts.items()}
            return stack_modalities(found, maps.new_zeros(len(maps), width))

        width = PARTS * PART_SIZE
        return assemble(0, width), assemble(1, width), assemble(2, self.identities)
