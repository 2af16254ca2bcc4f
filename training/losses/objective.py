"""The training objective (Eq. 16): each ingredient can be weighed, or switched off by weight 0."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict
from torch import Tensor

from training.losses.batch_hard_triplet import batch_hard_triplet
from training.losses.cross_directional_center import (
    CrossDirectionalCenterLoss,
    Reduction,
    sample_centers,
)
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
        center_triplet: weight of the batch-hard triplet loss on sample centers (Eq. 7), with the
            same margin: it trains what a search with missing modalities compares.
        cross_directional: lambda of Eq. 16.
        sample_weight: weight of L_S within the cross-directional center loss; 0 leaves L_M alone.
        alpha: weight of L_M within the cross-directional center loss.
        reduction: normalisation of the cross-directional center loss.
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
        self._cross_directional = CrossDirectionalCenterLoss(
            weights.alpha, weights.reduction, weights.sample_weight
        )

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
        if weights.center_triplet:
            centers = sample_centers(output.features.float(), mask)
            ingredients["center_triplet"] = weights.center_triplet * batch_hard_triplet(
                centers.unsqueeze(1), labels, mask.any(dim=1, keepdim=True), self._margin
            )
        if weights.cross_directional:
            ingredients["cross_directional"] = weights.cross_directional * self._cross_directional(
                output.features.float(), labels, mask
            )
        return ingredients
