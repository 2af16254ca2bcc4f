"""Losses, each one concept, composed by `Objective`."""

from training.losses.batch_hard_triplet import batch_hard_triplet
from training.losses.cross_directional_center import CrossDirectionalCenterLoss
from training.losses.cross_entropy import cross_entropy, label_space_of
from training.losses.objective import Objective, ObjectiveWeights

__all__ = [
    "CrossDirectionalCenterLoss",
    "Objective",
    "ObjectiveWeights",
    "batch_hard_triplet",
    "cross_entropy",
    "label_space_of",
]
