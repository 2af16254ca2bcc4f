"""Circle loss (Sun et al., CVPR 2020) of pytorch-metric-learning, one modality at a time."""

from torch import Tensor

from training.errors import TrainingError
from training.model.network import present_rows
from vreid.installation import install_hint


class CircleLoss:
    """Sums the modalities' circle losses over cosines of the samples that have the modality.

    An anchor without a positive or without a negative in the batch takes no part; a modality's
    circle loss is the mean over the other anchors.

    Args:
        margin: m of its paper, which recommends 0.25 for re-identification.
        scale: gamma of its paper, which recommends 128.

    Raises:
        TrainingError: pytorch-metric-learning is not installed.
    """

    def __init__(self, margin: float = 0.25, scale: float = 128.0) -> None:
        # Here and not above: reading a configuration must not need, or wait for, this package.
        try:
            from pytorch_metric_learning.losses import CircleLoss as PairwiseCircleLoss
        except ImportError as missing:
            raise TrainingError(
                "The circle loss needs the package pytorch-metric-learning; "
                f"{install_hint('train')}"
            ) from missing
        self._one_modality = PairwiseCircleLoss(m=margin, gamma=scale)

    def __call__(self, features: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Returns the loss, a scalar.

        Args:
            features: (B, M, D) branch features before the neck.
            labels: (B,) identities.
            mask: (B, M) bool, which modalities are there.
        """
        total = features.new_zeros(())
        for modality, rows in present_rows(mask):
            total = total + self._one_modality(features[rows, modality], labels[rows])
        return total
