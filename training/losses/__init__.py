"""Losses, each one concept, composed by `Objective`."""

from training.losses.batch_hard_triplet import batch_hard_triplet
from training.losses.center import CenterLoss
from training.losses.circle import CircleLoss
from training.losses.cross_directional_center import CrossDirectionalCenterLoss
from training.losses.cross_entropy import cross_entropy, label_space_of
from training.losses.hetero_center import hetero_center
from training.losses.objective import Objective, ObjectiveWeights

__all__ = [
    "CenterLoss",
    "CircleLoss",
    "CrossDirectionalCenterLoss",
    "Objective",
    "ObjectiveWeights",
    "batch_hard_triplet",
    "cross_entropy",
    "hetero_center",
    "label_space_of",
]
