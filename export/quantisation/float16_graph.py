"""A branch in half precision for a GPU, its statistics in float32.

Sums over a whole feature map, and squares, leave half precision's range or lose what is small
beside them: means, variances, roots and the neck stay float32, as in training. Weights and what
lies between convolutions become float16. Checked on the CPU, where it is right and slow.

ONNX Runtime's converter, which this stands for, rounds between any two operators that stay float32,
so that a variance would be infinite although every operator on its way is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.branch_graph import OUTPUT, portable
from export.quantisation.int8_graph import WEIGHTED
from export.quantisation.pixel_input import take_pixels
from export.quantisation.restored_weights import restore_weights
from vreid.preprocessing import Normalisation

STATISTICS = frozenset(
    {
        "ReduceMean",
        "ReduceSum",
        "Sub",
        "Div",
        "Pow",
        "Sqrt",
        "Reciprocal",
        "BatchNormalization",
        "LayerNormalization",
        "InstanceNormalization",
        "Softmax",
    }
)
"""Operators that stay float32. A difference is that to a mean, a quotient that by a deviation."""

Ends = Callable[[onnx.NodeProto], tuple[Iterable[str], Iterable[str]]]
"""What a node takes and gives, in the direction of walking."""

_TYPES: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.FLOAT: "float32"}


def float16_graph(model: onnx.ModelProto, normalisation: Normalisation) -> onnx.ModelProto:
    """The float32 graph of a bundle in half precision: pixels in, float32 features out."""
    graph = take_pixels(restore_weights(model)[0], normalisation)
    return portable(_converted(graph, in_float32(graph)))


def in_float32(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes that stay float32: statistics, and what lies between two of them.

    A variance passes through reshapes and an addition before its root is taken. A layer with
    weights ends such a stretch.
    """
    nodes = list(model.graph.node)
    before = _reached(nodes, lambda node: (node.input, node.output))
    after = _reached(nodes[::-1], lambda node: (node.output, node.input))
    return before & after


def _reached(nodes: Sequence[onnx.NodeProto], ends: Ends) -> set[str]:
    """Statistics, and nodes that are reached from one through nodes without weights."""
    reached: set[str] = set()
    tensors: set[str] = set()
    for node in nodes:
        taken, given = ends(node)
        if node.op_type in WEIGHTED:
            continue
        if node.op_type in STATISTICS or not tensors.isdisjoint(taken):
            reached.add(node.name)
            tensors.update(given)
    return reached


def _converted(model: onnx.ModelProto, wide: set[str]) -> onnx.ModelProto:
    """Every node but the ``wide`` ones in float16, with a cast wherever the two meet."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    floats = {
        value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    constants = {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
    }
    held: dict[str, int] = {}
    """The type in which each tensor is computed."""
    casts: dict[tuple[str, int], str] = {}
    nodes: list[onnx.NodeProto] = []
    tensors = {t.name: t for t in model.graph.initializer if t.name not in constants}

    def as_type(name: str, kind: int) -> str:
        if name in constants:
            return _constant(constants[name], kind, tensors)
        if name not in floats or held[name] == kind:
            return name
        if (name, kind) not in casts:
            casts[name, kind] = f"{name}.{_TYPES[kind]}"
            nodes.append(helper.make_node("Cast", [name], [casts[name, kind]], to=kind))
        return casts[name, kind]

    for node in model.graph.node:
        kind = TensorProto.FLOAT if node.name in wide else TensorProto.FLOAT16
        changed = onnx.NodeProto()
        changed.CopyFrom(node)
        for place, name in enumerate(node.input):
            changed.input[place] = as_type(name, kind)
        if node.op_type == "Cast" and kind == TensorProto.FLOAT16:
            for attribute in changed.attribute:
                attribute.i = kind if attribute.i == TensorProto.FLOAT else attribute.i
        held.update(dict.fromkeys(node.output, kind))
        nodes.append(changed)
    if held[OUTPUT] != TensorProto.FLOAT:
        inner = f"{OUTPUT}.float16"
        for changed in nodes:
            for names in (changed.input, changed.output):
                names[:] = [inner if name == OUTPUT else name for name in names]
        nodes.append(helper.make_node("Cast", [inner], [OUTPUT], to=TensorProto.FLOAT))
    converted = onnx.ModelProto()
    converted.CopyFrom(model)
    del converted.graph.node[:], converted.graph.initializer[:]
    converted.graph.node.extend(nodes)
    converted.graph.initializer.extend(tensors.values())
    return converted


def _constant(tensor: onnx.TensorProto, kind: int, tensors: dict[str, onnx.TensorProto]) -> str:
    """The name of a constant in the type that is asked for; it is added if need be."""
    name = tensor.name if kind == TensorProto.FLOAT else f"{tensor.name}.{_TYPES[kind]}"
    if name not in tensors:
        largest = float(np.finfo(np.float16).max)
        values = numpy_helper.to_array(tensor)
        tensors[name] = (
            tensor
            if kind == TensorProto.FLOAT
            else numpy_helper.from_array(
                np.clip(values, -largest, largest).astype(np.float16), name
            )
        )
    return name
