"""Graphs that are not written yet, behind the protocol that runs branches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from export.network_files import Graphs
from export.parity import Embed, graph_embed
from vreid.modality import Modality
from vreid.preprocessing import Preprocessing, normalise


class GraphEngine:
    """Graphs in memory behind the protocol that runs branches."""

    def __init__(self, graphs: Graphs, preprocessing: Preprocessing) -> None:
        self._normalisation = preprocessing.normalisation
        self._branches: dict[Modality, Embed] = {
            modality: graph_embed(graph) for modality, graph in graphs.items()
        }

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Branch features (N, D) of branch pixels (N, H, W, 3)."""
        return self._branches[modality](normalise(pixels, self._normalisation[modality]))
