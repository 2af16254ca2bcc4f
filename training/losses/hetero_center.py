"""Hetero-center loss (Zhu et al., Neurocomputing 2020), a comparator of the paper's Table VI."""

from torch import Tensor

from training.losses.centers import checked_mask, identity_numbers, modality_centers


def hetero_center(features: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sums, over identities and pairs of modalities, squared distances of modality centers.

    It was made for two modalities; with more, every pair counts. It is the paper's `L_M` (10)
    without its factor `1 / (2M(M-1))`: 12 times as much for three modalities. An identity with one
    modality adds nothing.

    Args:
        features: (B, M, D) branch features before the neck.
        labels: (B,) identities.
        mask: (B, M) bool, which modalities are there; None for all.

    Raises:
        TrainingError: the shapes do not fit together.
    """
    present = checked_mask(features, labels, mask)
    kept, identities, count = identity_numbers(labels, present)
    centers = modality_centers(features[kept], identities, present[kept], count)
    # n points: the sum over pairs is n times the sum of squared deviations from their mean.
    return (centers.present.sum(dim=1) * centers.scatter()).sum()
