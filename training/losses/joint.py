"""The objective of networks that compute a sample's modalities together."""

from torch import Tensor

from training.losses.cross_entropy import cross_entropy
from training.losses.objective import Objective
from training.model import CCNetOutput


class JointObjective(Objective):
    """The objective with one more ingredient: cross entropy of the joint classifiers.

    It has the weight and the label smoothing of the branches' cross entropy; every sample counts,
    whatever modalities it has.
    """

    def forward(self, output: CCNetOutput, labels: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """See `Objective.forward`."""
        ingredients = super().forward(output, labels, mask)
        if self.weights.cross_entropy and output.joint_logits is not None:
            logits = output.joint_logits
            classifiers = logits.shape[1]
            space = self.label_space
            ingredients["joint_cross_entropy"] = self.weights.cross_entropy * cross_entropy(
                logits,
                labels,
                mask.any(dim=1, keepdim=True).expand(-1, classifiers),
                self.weights.label_smoothing,
                None if space is None else space.any(dim=0, keepdim=True).expand(classifiers, -1),
            )
        return ingredients
