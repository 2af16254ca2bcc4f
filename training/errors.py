"""Errors of the training room.

VreidError
└── TrainingError
├── PretrainedWeightsError   the first weights are absent or of another network
├── CheckpointError          a checkpoint is absent, damaged or of another run
├── NonFiniteLossError            the loss became NaN or infinite
└── TrainingInterruptedError      a signal stopped the run; its checkpoint is complete
"""

from vreid.errors import VreidError


class TrainingError(VreidError):
    """Training could not start or go on."""


class PretrainedWeightsError(TrainingError):
    """The first weights of a backbone are not there or do not fit it."""


class CheckpointError(TrainingError):
    """A checkpoint is not there, damaged, or belongs to another configuration."""


class NonFiniteLossError(TrainingError):
    """The loss of a batch is NaN or infinite."""


class TrainingInterruptedError(TrainingError):
    """The run was asked to stop and has written a checkpoint to go on from."""
