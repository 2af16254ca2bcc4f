"""The training objective (Eq. 16): each ingredient can be weighed, or switched off by weight 0."""

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict
from torch import Tensor, nn

from training.errors import TrainingError
from training.floating_point import at_least_float32
from training.losses.batch_hard_triplet import batch_hard_triplet
from training.losses.center import CenterLoss
from training.losses.centers import sample_centers
from training.losses.circle import CircleLoss
from training.losses.cross_directional_center import CrossDirectionalCenterLoss, Reduction
from training.losses.cross_entropy import cross_entropy
from training.losses.hetero_center import hetero_center
from training.model import CCNetOutput

INGREDIENTS = (
    "cross_entropy",
    "triplet",
    "center_triplet",
    "circle",
    "center",
    "hetero_center",
    "cross_directional",
)
"""The weights of `ObjectiveWeights` that switch an ingredient on; its other values shape one."""


@dataclass(frozen=True)
class ObjectiveWeights:
    """Ingredients of the objective.

    Attributes:
        cross_entropy: weight of the branches' summed cross entropies.
        label_smoothing: of the cross entropy.
        triplet: weight of the branches' summed batch-hard triplet losses.
        triplet_margin: margin of the hinge, or "soft".
        center_triplet: weight of the batch-hard triplet loss on sample centers (Eq. 7), with the
            same margin: it trains what a search with missing modalities compares.
        cross_directional: lambda of Eq. 16.
        sample_weight: weight of L_S within the cross-directional center loss; 0 leaves L_M alone.
        alpha: weight of L_M within the cross-directional center loss.
        reduction: normalisation of the cross-directional center loss.
        center: weight of the center loss, one center an identity for all modalities together.
        center_rate: share of the way that centers go to their batch, in [0, 1].
        hetero_center: weight of the hetero-center loss.
        circle: weight of the branches' summed circle losses.
        circle_margin: m of the circle loss.
        circle_scale: gamma of the circle loss.

    Raises:
        ValueError: a weight is negative or no number, the objective is zero whatever the batch, or
            a share is out of range; the message names it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    cross_entropy: float = 1.0
    label_smoothing: float = 0.0
    triplet: float = 0.0
    triplet_margin: float | Literal["soft"] = 0.3
    center_triplet: float = 0.0
    cross_directional: float = 0.3
    sample_weight: float = 1.0
    alpha: float = 0.6
    reduction: Reduction = "paper"
    center: float = 0.0
    center_rate: float = 0.5
    hetero_center: float = 0.0
    circle: float = 0.0
    circle_margin: float = 0.25
    circle_scale: float = 128.0

    def __post_init__(self) -> None:
        weights = {name: getattr(self, name) for name in INGREDIENTS}
        parts = {name: getattr(self, name) for name in ("sample_weight", "alpha")}
        for name, weight in (weights | parts).items():
            if not 0 <= weight < inf:
                raise ValueError(f"{name} is {weight}; a weight is 0, to switch it off, or more")
        if not any(weights.values()):
            raise ValueError(f"every ingredient is switched off; set one of {', '.join(weights)}")
        if self.cross_directional and not any(parts.values()):
            raise ValueError(
                f"cross_directional is {self.cross_directional} and both of its parts are switched "
                "off; set sample_weight or alpha, or cross_directional to 0"
            )
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing}; it is a share, from 0 to less than 1"
            )
        if not 0 <= self.center_rate <= 1:
            raise ValueError(f"center_rate is {self.center_rate}; it is a share, from 0 to 1")


class Objective(nn.Module):
    """Computes the weighted ingredients of one batch.

    What it learns itself, the centers of the center loss, is in its state dict; without that
    ingredient the state dict is empty.

    Args:
        weights: the ingredients.
        label_space: (M, identities) bool, see `cross_entropy`.
        identities: number of identities; the center loss needs it.
        feature_size: D; the center loss needs it.

    Raises:
        TrainingError: the center loss is asked for without both numbers, or the circle loss without
            its package.
    """

    def __init__(
        self,
        weights: ObjectiveWeights,
        label_space: Tensor | None = None,
        identities: int = 0,
        feature_size: int = 0,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.label_space: Tensor | None
        self.register_buffer("label_space", label_space, persistent=False)
        self._margin = None if weights.triplet_margin == "soft" else weights.triplet_margin
        self._cross_directional = CrossDirectionalCenterLoss(
            weights.alpha, weights.reduction, weights.sample_weight
        )
        self._circle = (
            CircleLoss(weights.circle_margin, weights.circle_scale) if weights.circle else None
        )
        self.center: CenterLoss | None = None
        if weights.center:
            if not identities or not feature_size:
                raise TrainingError(
                    "The center loss has a center for each identity. Give the objective the "
                    "number of identities and the feature size."
                )
            self.center = CenterLoss(identities, feature_size, weights.center_rate)

    def forward(self, output: CCNetOutput, labels: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Returns the weighted ingredients by name; the loss is their sum.

        Args:
            output: of the network on B samples.
            labels: (B,) number of each sample's identity.
            mask: (B, M) bool, which modalities are there.
        """
        weights, ingredients = self.weights, {}
        features = at_least_float32(output.features)
        if weights.cross_entropy:
            ingredients["cross_entropy"] = weights.cross_entropy * cross_entropy(
                output.logits, labels, mask, weights.label_smoothing, self.label_space
            )
        if weights.triplet:
            ingredients["triplet"] = weights.triplet * batch_hard_triplet(
                features, labels, mask, self._margin
            )
        if weights.center_triplet:
            centers = sample_centers(features, mask)
            ingredients["center_triplet"] = weights.center_triplet * batch_hard_triplet(
                centers.unsqueeze(1), labels, mask.any(dim=1, keepdim=True), self._margin
            )
        if self._circle is not None:
            ingredients["circle"] = weights.circle * self._circle(features, labels, mask)
        if self.center is not None:
            ingredients["center"] = weights.center * self.center(features, labels, mask)
        if weights.hetero_center:
            ingredients["hetero_center"] = weights.hetero_center * hetero_center(
                features, labels, mask
            )
        if weights.cross_directional:
            ingredients["cross_directional"] = weights.cross_directional * self._cross_directional(
                features, labels, mask
            )
        if weights.cross_entropy and output.joint_logits is not None:
            ingredients["joint_cross_entropy"] = weights.cross_entropy * self._joint_cross_entropy(
                output.joint_logits, labels, mask
            )
        return ingredients

    def _joint_cross_entropy(self, logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Cross entropy of classifiers that saw all modalities, with the branches' smoothing.

        Every sample counts, whatever modalities it has.

        Args:
            logits: (B, J, identities).
            labels: (B,).
            mask: (B, M) bool.
        """
        space = self.label_space
        return cross_entropy(
            logits,
            labels,
            mask.any(dim=1, keepdim=True).expand(-1, logits.shape[1]),
            self.weights.label_smoothing,
            None if space is None else space.any(dim=0, keepdim=True).expand(logits.shape[1], -1),
        )

    if TYPE_CHECKING:

        def __call__(  # noqa: D102
            self, output: CCNetOutput, labels: Tensor, mask: Tensor
        ) -> dict[str, Tensor]: ...
