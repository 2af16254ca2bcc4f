"""One modality's branch: backbone halves, the unit between them, pooling, neck, classifier."""

from typing import TYPE_CHECKING, NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional

from training.model.normalisation import MiddleNormalisation
from training.model.split_backbone import SplitBackbone
from training.model.trunk import Trunk


class BranchOutput(NamedTuple):
    """What a branch makes of its images.

    Attributes:
        feature: (n, D) before the neck; metric losses act on it.
        neck: (n, D) after the neck; the embedding.
        logits: (n, identities); has no columns when the branch was made for inference only.
    """

    feature: Tensor
    neck: Tensor
    logits: Tensor


class Neck(nn.BatchNorm1d):
    """BNNeck: batch normalisation whose shift is frozen at zero, (n, D) -> (n, D).

    One row has no batch statistics. In training mode a lone row (the only one of a batch that has
    this modality) is normalised by the running statistics and leaves them as they are.
    """

    def __init__(self, feature_size: int) -> None:
        super().__init__(feature_size)
        self.bias.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        """Normalises features by batch statistics in training, by running ones otherwise."""
        if not self.training or input.shape[0] > 1:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


def identity_classifier(feature_size: int, identities: int) -> nn.Linear:
    """The linear classifier behind a neck, without a bias: (n, feature_size) -> (n, identities)."""
    classifier = nn.Linear(feature_size, identities, bias=False)
    nn.init.normal_(classifier.weight, std=0.001)
    return classifier


class Branch(Trunk):
    """One modality's network: images (n, 3, H, W) -> `BranchOutput`.

    Args:
        backbone: the two halves, owned by this branch alone.
        normalisation: what stands between the halves.
        identities: columns of the classifier; 0 for a branch that only embeds.
    """

    def __init__(
        self, backbone: SplitBackbone, normalisation: MiddleNormalisation, identities: int
    ) -> None:
        super().__init__(backbone, normalisation)
        self.feature_size = backbone.feature_size
        self.pool = backbone.pooling
        self.neck = Neck(backbone.feature_size)
        self.classifier: nn.Linear | None = None
        if identities:
            self.classifier = identity_classifier(backbone.feature_size, identities)

    def pooled(self, images: Tensor) -> Tensor:
        """Returns the pooled feature before the neck, (n, D)."""
        return self.pool(self.last_feature(images))

    def embed(self, images: Tensor) -> Tensor:
        """Returns the neck's output, (n, D): what is exported and compared."""
        return cast(Tensor, self.neck(self.pooled(images)))

    def forward(self, images: Tensor) -> BranchOutput:
        """Returns feature, neck output and logits of the images."""
        feature = self.pooled(images)
        neck = self.neck(feature)
        logits = neck.new_zeros(len(neck), 0) if self.classifier is None else self.classifier(neck)
        return BranchOutput(feature, neck, logits)

    if TYPE_CHECKING:

        def __call__(self, images: Tensor) -> BranchOutput: ...  # noqa: D102
