"""What can go wrong while a checkpoint becomes a bundle."""

from __future__ import annotations

from vreid.errors import VreidError
from vreid.modality import Modality


class ExportError(VreidError):
    """The export stopped; nothing was written."""


class GraphError(ExportError):
    """A branch could not be written as an ONNX graph of the form that engines expect."""


class OutputExistsError(ExportError):
    """The target directory already holds something and overwriting was not asked for."""


class ValidationDataError(ExportError):
    """The data named for validation cannot serve as such."""


class CalibrationImagesError(ExportError):
    """There are too few real images to take the ranges of activations from."""


class VariantError(ExportError):
    """A variant that a bundle has cannot be made anew here; the bundle stays as it is."""


class ParityError(ExportError):
    """A written graph does not compute what it should.

    ``modality`` names the branch, ``batch`` the batch size (None when the check spans batches),
    ``measured`` and ``allowed`` the figure and its tolerance.
    """

    def __init__(
        self,
        message: str,
        *,
        modality: Modality | None,
        batch: int | None,
        measured: float,
        allowed: float,
    ) -> None:
        super().__init__(message)
        self.modality = modality
        self.batch = batch
        self.measured = measured
        self.allowed = allowed
