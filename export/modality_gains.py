"""A modality's gain is folded into the neck, the last step of its branch.

So every consumer of the features weighs modalities alike (concatenations, centers, what two
samples share), with no other change: the neck's scale and shift are multiplied.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Literal

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from export.branch_graph import OUTPUT
from export.errors import GraphError
from training.calibration.modality_weights import Gains
from training.model import CCNet
from vreid.modality import MODALITIES, Modality

ModalityWeighting = Literal["fit", "none"] | Gains

NECK = "BatchNormalization"


def scale_network(network: CCNet, gains: Gains) -> CCNet:
    """A copy whose branches give features (n, D) times their gain."""
    scaled = copy.deepcopy(network)
    with torch.no_grad():
        for modality, gain in zip(MODALITIES, gains, strict=True):
            neck = scaled.branch(modality).neck
            neck.weight.mul_(gain)
            neck.bias.mul_(gain)
    return scaled


def scale_graphs(
    graphs: Mapping[Modality, onnx.ModelProto], gains: Gains
) -> dict[Modality, onnx.ModelProto]:
    """Copies of the graphs whose features are multiplied; errors as `scale_graph`."""
    return {modality: scale_graph(graphs[modality], gains[modality.index]) for modality in graphs}


def scale_graph(graph: onnx.ModelProto, gain: float) -> onnx.ModelProto:
    """A copy whose output ``features`` is multiplied by the gain.

    Raises:
        GraphError: the output does not come from the neck.
    """
    scaled = onnx.ModelProto()
    scaled.CopyFrom(graph)
    neck = next((node for node in scaled.graph.node if OUTPUT in node.output), None)
    if neck is None or neck.op_type != NECK:
        raise GraphError(
            "the graph's last step is not the neck's normalisation, which modality weights are "
            "folded into; export with --modality-weights none"
        )
    parameters = set(neck.input[1:3])
    for tensor in scaled.graph.initializer:
        if tensor.name in parameters:
            values = numpy_helper.to_array(tensor) * np.float32(gain)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return scaled
