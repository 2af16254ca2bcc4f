"""Errors of the training room.

VreidError
└── TrainingError
    ├── PretrainedWeightsError    the first weights are absent or of another network
    ├── CheckpointError           a checkpoint is absent, damaged or of another run
    ├── JointNetworkError         a network without separate branches was asked for one
    ├── NonFiniteLossError        the loss became NaN or infinite
    ├── TrainingImageError        an image of the training set cannot be read or decoded
    ├── ImageCacheError           decoded images cannot be kept where they should be
    ├── ComputeError              this machine or split of the work cannot do what was asked for
    ├── ReportedElsewhereError    this process ends because process 0 reports an error
    ├── TrainingInterruptedError  a signal stopped the run; its checkpoint is complete
    └── AblationError             cells of an ablation failed, or hold something else
        └── AblationInterruptedError  a signal stopped it; every cell can go on
"""

from vreid.errors import VreidError


class TrainingError(VreidError):
    """Training could not start or go on."""


class PretrainedWeightsError(TrainingError):
    """The first weights of a backbone are not there or do not fit it."""


class CheckpointError(TrainingError):
    """A checkpoint is not there, damaged, or belongs to another configuration."""


class JointNetworkError(TrainingError):
    """A network that computes modalities together was asked for the branch of one modality."""


class NonFiniteLossError(TrainingError):
    """The loss of a batch is NaN or infinite."""


class TrainingImageError(TrainingError):
    """An image of the training set cannot be read or decoded.

    Args:
        file: which.
        reason: why.
    """

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(file, reason)
        self.file, self.reason = file, reason

    def __str__(self) -> str:
        """What is wrong, with the file's name."""
        return f"{self.file}: {self.reason}"


class ImageCacheError(TrainingError):
    """Decoded images cannot be kept in memory or in a file as the configuration says."""


class ComputeError(TrainingError):
    """A compute setting that this machine, or this number of processes, cannot follow."""


class ReportedElsewhereError(TrainingError):
    """Raised in every process but the first, which reports the error that ended them all."""


class TrainingInterruptedError(TrainingError):
    """The run was asked to stop and has written a checkpoint to go on from."""


class AblationError(TrainingError):
    """A cell of an ablation failed, or its directory holds something else."""


class AblationInterruptedError(AblationError):
    """The ablation was asked to stop; every cell can go on from where it was."""
