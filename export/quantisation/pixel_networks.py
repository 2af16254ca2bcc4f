"""Runs network files that take pixels where no engine does: half precision on a CPU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from export.branch_graph import INPUT, OUTPUT
from export.sessions import open_session
from vreid.bundle import Bundle
from vreid.modality import Modality


class PixelNetworks:
    """The files of one precision of a bundle behind the protocol that runs branches."""

    def __init__(self, bundle: Bundle, precision: str) -> None:
        self._sessions = {
            modality: open_session(bundle.file(modality, precision))
            for modality in bundle.manifest.modalities
        }

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Branch features (N, D) of branch pixels (N, H, W, 3)."""
        contiguous = np.ascontiguousarray(pixels)
        (features,) = self._sessions[modality].run([OUTPUT], {INPUT: contiguous})
        return np.asarray(features, dtype=np.float32)
