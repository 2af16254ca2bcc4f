"""CCNet: one branch per modality, no shared weights."""

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn

from training.model.backbones import backbone_definition
from training.model.branch import Branch
from training.model.normalisation import MiddleNormalisation
from training.model.pretrained import NONE, pretrained_network
from vreid.modality import MODALITIES, Modality


class CCNetOutput(NamedTuple):
    """What CCNet makes of B samples; rows of missing modalities are zero.

    Attributes:
        features: (B, 3, D) before the neck.
        neck: (B, 3, D) after the neck: the branch features that are stored and compared.
        logits: (B, 3, identities).
    """

    features: Tensor
    neck: Tensor
    logits: Tensor


class CCNet(nn.Module):
    """Cross-directional consistency network.

    Args:
        backbone: a name in `training.model.backbones.BACKBONES`.
        identities: number of identities it classifies in training; 0 to embed only.
        normalisation: what stands in the middle of each branch.
        pretrained: where first weights come from, see `training.model.pretrained`.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        identities: int = 0,
        normalisation: MiddleNormalisation = "alnu",
        pretrained: str = NONE,
    ) -> None:
        super().__init__()
        network = pretrained_network(backbone, pretrained)
        split = backbone_definition(backbone).split
        self.branches = nn.ModuleDict(
            {
                modality.value: Branch(split(copy.deepcopy(network)), normalisation, identities)
                for modality in MODALITIES
            }
        )
        self.identities = identities
        self.feature_size = self.branch(MODALITIES[0]).feature_size

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
        batch = images.shape[0]
        if mask is None:
            mask = torch.ones(batch, len(MODALITIES), dtype=torch.bool, device=images.device)
        outputs = {}
        for index, rows in self._present_rows(mask):
            present = images[rows, index].contiguous(memory_format=torch.channels_last)
            outputs[index] = rows, self.branch(MODALITIES[index])(present)

        def assemble(part: int, width: int) -> Tensor:
            columns = [
                _scatter_rows(outputs[index][1][part], outputs[index][0], batch)
                if index in outputs
                else images.new_zeros(batch, width)
                for index in range(len(MODALITIES))
            ]
            return torch.stack(columns, dim=1)

        sizes = (self.feature_size, self.feature_size, self.identities)
        return CCNetOutput(*(assemble(part, width) for part, width in enumerate(sizes)))

    if TYPE_CHECKING:

        def __call__(  # noqa: D102
            self, images: Tensor, mask: Tensor | None = None
        ) -> CCNetOutput: ...

    @staticmethod
    def _present_rows(mask: Tensor) -> Iterator[tuple[int, Tensor]]:
        for index in range(len(MODALITIES)):
            rows = mask[:, index].nonzero().squeeze(1)
            if rows.numel():
                yield index, rows


def _scatter_rows(values: Tensor, rows: Tensor, batch: int) -> Tensor:
    """Puts (n, width) values at their rows of an otherwise zero (batch, width) tensor."""
    return values.new_zeros(batch, values.shape[1]).index_copy(0, rows, values)
