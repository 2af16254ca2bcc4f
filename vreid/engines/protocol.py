"""What an engine is, to those who run branches on it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vreid.modality import Modality


class BranchRunner(Protocol):
    """Runs one branch at a time on a batch of its images."""

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Branch features (N, D) of branch pixels (N, H, W, 3), as `vreid.preprocessing` makes.

        Raises:
            EngineError: the pixels have another type or shape, or the engine failed.
        """


class BranchEngine(BranchRunner, Protocol):
    """An engine open on a bundle. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """Which engine it is, for instance ``onnxruntime-cpu``."""

    @property
    def precision(self) -> str:
        """Which of the bundle's precisions it computes in."""

    @property
    def threads(self) -> int:
        """Processors that it keeps busy when all its lanes run."""

    @property
    def lanes(self) -> int:
        """Runs that may go on at the same moment without slowing each other; more wait."""

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Batch sizes that it computes with, ascending.

        Larger batches are cut, and what fits none is padded to the next.
        """
