"""A graph's weights as plain float32, whatever its file stores them in."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

_STORED = frozenset({TensorProto.INT8, TensorProto.FLOAT16})


def restore_weights(
    model: onnx.ModelProto,
) -> tuple[onnx.ModelProto, dict[str, NDArray[np.float32]]]:
    """A copy with float32 initialisers, and the scales of those that were stored as integers.

    What `export.compact_weights` writes before the graph proper, ``Cast`` and ``Mul`` on constants,
    is done here once. A weight has one scale for each output channel, (C,).
    """
    restored = onnx.ModelProto()
    restored.CopyFrom(model)
    graph = restored.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    values: dict[str, NDArray[np.float32]] = {}
    scales: dict[str, NDArray[np.float32]] = {}
    used: set[str] = set()
    kept = []
    for node in graph.node:
        stored = constants.get(node.input[0]) if node.input else None
        if node.op_type == "Cast" and stored is not None and stored.data_type in _STORED:
            values[node.output[0]] = numpy_helper.to_array(stored).astype(np.float32)
            used.add(node.input[0])
        elif node.op_type == "Mul" and node.input[0] in values and node.input[1] in constants:
            scale = numpy_helper.to_array(constants[node.input[1]])
            values[node.output[0]] = values.pop(node.input[0]) * scale
            scales[node.output[0]] = scale.reshape(-1)
            used.add(node.input[1])
        else:
            kept.append(node)
    remaining = [tensor for tensor in graph.initializer if tensor.name not in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(remaining)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    return restored, scales
