"""What every architecture offers to training and evaluation."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from training.errors import JointNetworkError
from training.model.branch import Branch
from vreid.modality import MODALITIES, Modality


class CCNetOutput(NamedTuple):
    """What a network makes of B samples; rows of missing modalities are zero.

    Attributes:
        features: (B, 3, D) each modality's feature before the neck; metric losses act on it.
        neck: (B, 3, E) after the neck: what is stored and compared. A joint network has one vector
            for the whole sample, which stands in all three rows.
        logits: (B, 3, identities).
        joint_logits: (B, J, identities) of classifiers that saw all modalities of a sample; None
            where there are none.
    """

    features: Tensor
    neck: Tensor
    logits: Tensor
    joint_logits: Tensor | None = None


class Network(nn.Module):
    """A network for samples of three modalities.

    Attributes:
        joint: whether a sample's modalities are computed together. The branches of a network that
            is not joint run by themselves, each on its own images.
        identities: number of identities it classifies.
        feature_size: E, length of a vector of `CCNetOutput.neck`.
        metric_feature_size: D, length of a vector of `CCNetOutput.features`.
    """

    joint: ClassVar[bool] = False
    identities: int
    feature_size: int
    metric_feature_size: int

    def branch(self, modality: Modality) -> Branch:
        """Returns the branch of one modality.

        Raises:
            JointNetworkError: the modalities are computed together.
        """
        raise JointNetworkError(
            f"{type(self).__name__} computes a sample's modalities together and has no branch for "
            f"{modality} alone: train and evaluate it; to export, train the architecture ccnet"
        )

    def forward(self, images: Tensor, mask: Tensor | None = None) -> CCNetOutput:
        """Runs samples (B, 3, 3, H, W), axis 1 the modality, with mask (B, 3) bool or all there."""
        raise NotImplementedError

    if TYPE_CHECKING:

        def __call__(  # noqa: D102
            self, images: Tensor, mask: Tensor | None = None
        ) -> CCNetOutput: ...


def complete_mask(images: Tensor, mask: Tensor | None) -> Tensor:
    """The mask, or one that says that all of (B, 3, 3, H, W) is there."""
    if mask is not None:
        return mask
    return torch.ones(images.shape[:2], dtype=torch.bool, device=images.device)


def present_rows(mask: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Index and rows of every column of a mask (B, M) that some row has."""
    for index in range(mask.shape[1]):
        rows = mask[:, index].nonzero().squeeze(1)
        if rows.numel():
            yield index, rows


def stack_modalities(found: Mapping[int, tuple[Tensor, Tensor]], missing: Tensor) -> Tensor:
    """Puts what was computed of the present modalities into one tensor (B, 3, ...).

    Args:
        found: by modality, rows (n,) and their values (n, ...); the other rows are zero.
        missing: zeros (B, ...), which stand for a modality that no row has.
    """
    columns = [
        _scatter_rows(*found[index], len(missing)) if index in found else missing
        for index in range(len(MODALITIES))
    ]
    return torch.stack(columns, dim=1)


def _scatter_rows(rows: Tensor, values: Tensor, batch: int) -> Tensor:
    """Puts n values (n, ...) at their rows of an otherwise zero tensor (batch, ...)."""
    return values.new_zeros(batch, *values.shape[1:]).index_copy(0, rows, values)
