"""A graph that takes pixels as they are: uint8, channels last, not normalised.

Normalisation is (p - 255 mean) / (255 std). The mean is subtracted first, so that the zeros which a
convolution pads with still stand for the mean; the division goes into the weights of
the convolutions that read the images.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.branch_graph import BATCH, INPUT
from vreid.preprocessing import Normalisation

LARGEST_LEVEL = 255

_CENTRED = f"{INPUT}.centred"
_NORMALISED = f"{INPUT}.normalised"


def take_pixels(model: onnx.ModelProto, normalisation: Normalisation) -> onnx.ModelProto:
    """A copy that takes uint8 (N, H, W, 3) where the graph takes normalised (N, 3, H, W).

    Weights must be float32 initialisers, see `export.quantisation.restored_weights`.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    mean = LARGEST_LEVEL * np.array(normalisation.mean, dtype=np.float64)
    deviation = LARGEST_LEVEL * np.array(normalisation.std, dtype=np.float64)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    readers = [node for node in graph.node if INPUT in node.input]
    needs_normalised = False
    for node in readers:
        folded = node.op_type == "Conv" and _fold(node, graph, weights, deviation)
        # A shape is that of the image either way; whatever else reads gets normalised values.
        source = _CENTRED if folded or node.op_type == "Shape" else _NORMALISED
        needs_normalised |= source == _NORMALISED
        for place, name in enumerate(node.input):
            if name == INPUT:
                node.input[place] = source
    size = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    # Cast comes first: TensorRT takes uint8 only where it is cast at once.
    preparing = [
        helper.make_node("Cast", [INPUT], [f"{INPUT}.levels"], "Cast_pixels", to=TensorProto.FLOAT),
        helper.make_node(
            "Transpose",
            [f"{INPUT}.levels"],
            [f"{INPUT}.planes"],
            "Transpose_pixels",
            perm=[0, 3, 1, 2],
        ),
        helper.make_node("Sub", [f"{INPUT}.planes", f"{INPUT}.mean"], [_CENTRED], "Sub_mean"),
    ]
    graph.initializer.append(_per_channel(mean, f"{INPUT}.mean"))
    if needs_normalised:
        preparing.append(
            helper.make_node("Mul", [_CENTRED, f"{INPUT}.scale"], [_NORMALISED], "Mul_deviation")
        )
        graph.initializer.append(_per_channel(1 / deviation, f"{INPUT}.scale"))
    computing = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend([*preparing, *computing])
    graph.input.append(
        helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [BATCH, *size[2:], size[1]])
    )
    return changed


def _fold(
    node: onnx.NodeProto,
    graph: onnx.GraphProto,
    weights: dict[str, onnx.TensorProto],
    deviation: NDArray[np.float64],
) -> bool:
    """Divide a convolution's weights by the deviation of their channel, if they are its alone."""
    tensor = weights.get(node.input[1])
    users = [other for other in graph.node if node.input[1] in other.input]
    if tensor is None or len(users) != 1 or tensor.dims[1] != len(deviation):
        return False
    weight = numpy_helper.to_array(tensor).astype(np.float64)
    folded = weight / deviation.reshape(1, -1, *(1 for _ in weight.shape[2:]))
    tensor.CopyFrom(numpy_helper.from_array(folded.astype(np.float32), tensor.name))
    return True


def _per_channel(values: NDArray[np.float64], name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32).reshape(1, -1, 1, 1), name)
