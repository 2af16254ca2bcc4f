"""What every architecture offers to training and evaluation."""

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from torch import Tensor, nn

from training.errors import JointNetworkError
from training.model.branch import Branch
from vreid.modality import Modality


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


def scatter_rows(values: Tensor, rows: Tensor, batch: int) -> Tensor:
    """Puts n values (n, ...) at their rows of an otherwise zero tensor (batch, ...)."""
    return values.new_zeros(batch, *values.shape[1:]).index_copy(0, rows, values)
