"""The training objective (Eq. 16): each ingredient can be weighed, or switched off by weight 0."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict
from torch import Tensor

from training.losses.batch_hard_triplet import batch_hard_triplet
from training.losses.cross_directional_center import CrossDirectionalCenterLoss, Reduction
from training.losses.cross_entropy import cross_entropy
from training.model import CCNetOutput


@dataclass(frozen=True)
class ObjectiveWeights:
    """Ingredients of the objective.

    Attributes:
        cross_entropy: weight of the branches' summed cross entropies.
        label_smoothing: of the cross entropy.
        triplet: weight of the branches' summed batch-hard triplet losses.
        triplet_margin: margin of the hinge, or "soft".
        cross_directional: lambda of Eq. 16.
        alpha: weight of L_M within the cross-directional center loss.
        reduction: normalisation of the cross-directional center loss.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    cross_entropy: float = 1.0
    label_smoothing: float = 0.0
    triplet: float = 0.0
    triplet_margin: float | Literal["soft"] = 0.3
    cross_directional: float = 0.3
    alpha: float = 0.6
    reduction: Reduction = "paper"


class Objective:
    """Computes the weighted ingredients of one batch.

    Args:
        weights: the ingredients.
        label_space: (3, identities) bool, see `cross_entropy`.
    """

    def __init__(self, weights: ObjectiveWeights, label_space: Tensor | None = None) -> None:
        self.weights = weights
        self.label_space = label_space
        self._margin = None if weights.triplet_margin == "soft" else weights.triplet_margin
        self._cross_directional = CrossDirectionalCenterLoss(weights.alpha, weights.reduction)

    def __call__(self, output: CCNetOutput, labels: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Returns the weighted ingredients by name; the loss is their sum."""
        weights, ingredients = self.weights, {}
        if weights.cross_entropy:
            ingredients["cross_entropy"] = weights.cross_entropy * cross_entropy(
                output.logits, labels, mask, weights.label_smoothing, self.label_space
            )
        if weights.triplet:
            ingredients["triplet"] = weights.triplet * batch_hard_triplet(
                output.features, labels, mask, self._margin
            )
        if weights.cross_directional:
            ingredients["cross_directional"] = weights.cross_directional * self._cross_directional(
                output.features.float(), labels, mask
            )
        return ingredients
