"""Smaller weight storage with the same float32 computation.

This is storage, not quantised computation. A large weight w is kept as 8-bit integers q and one
scale s per output channel, and the graph spells the way back, ``Mul(Cast(q), s)``, which a runtime
folds into a float32 constant when it opens the file. From there on the session is that of the
float32 file: same kernels, same speed, same memory.

``DequantizeLinear`` would say the same in one node, but ONNX Runtime keeps it for its quantised
kernels: measured with 1.32 on efficientnet_lite0, 26 of 26 stayed in the optimised graph and an
image took 13 % longer, unless every session sets ``session.disable_quant_qdq``. ``Cast`` and
``Mul`` on constants are folded by the basic optimisations, which are on by default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export.bias_correction import correct_biases
from export.branch_graph import INPUT
from vreid.modality import Modality

Storage = Literal["int8", "float16"]

SMALLEST_INT8 = 24_000
"""Elements below which a weight isn't worth 8-bit storage. The narrow layers of a network's first
half carry most of the rounding's harm and few of the bytes: on efficientnet_lite0 this bound halves
1 - cosine for 50 kB a branch."""

SMALLEST_FLOAT16 = 256

LARGEST_INTEGER = 127
"""Integers are symmetric, -127 to 127, so that zero stays zero and no offset is needed."""

SCALE_CANDIDATES = np.linspace(1.0, 0.7, 31)
"""Fractions of a channel's largest magnitude tried as the clipping point."""

WEIGHTED_OPERATORS = frozenset({"Conv", "Gemm", "MatMul"})


@dataclass(frozen=True, slots=True)
class StoredWeight:
    """How one weight is stored and what that costs.

    ``relative_error`` is ||stored - w|| / ||w||; ``bytes`` the stored size, scales included.
    """

    name: str
    storage: Storage
    bytes: int
    relative_error: float


@dataclass(frozen=True, slots=True)
class _Replacement:
    """What stands in the graph for one weight: constants, and nodes that restore its values."""

    constants: dict[str, NDArray[np.generic]]
    nodes: list[onnx.NodeProto]
    restored: NDArray[np.float32]


def compact(
    model: onnx.ModelProto, images: NDArray[np.float32], keep: Collection[str] = ()
) -> tuple[onnx.ModelProto, list[StoredWeight]]:
    """A copy of the graph with its weights in compact storage, and what became of each.

    What rounding shifts on average over ``images`` (n, 3, H, W) goes into the biases.

    Large dense weights become 8-bit integers with a scale per output channel. Weights that are few
    and matter much (the stem, depthwise filters, and every initialiser whose name starts with a
    prefix in ``keep``) become float16. Vectors stay float32.
    """
    compacted = onnx.ModelProto()
    compacted.CopyFrom(model)
    graph = compacted.graph
    readers = _readers(graph)
    restoring: list[onnx.NodeProto] = []
    stored: list[StoredWeight] = []
    changes: dict[str, NDArray[np.float32]] = {}
    for tensor in list(graph.initializer):
        storage = _storage(tensor, readers.get(tensor.name, []), tuple(keep))
        if storage is None:
            continue
        weight = numpy_helper.to_array(tensor)
        replacement = (
            _as_int8(tensor.name, weight, output_axis(readers[tensor.name][0]))
            if storage == "int8"
            else _as_float16(tensor.name, weight)
        )
        stored.append(_stored_weight(tensor.name, storage, weight, replacement))
        if storage == "int8":
            changes[tensor.name] = replacement.restored - weight
        restoring += replacement.nodes
        graph.initializer.remove(tensor)
        graph.initializer.extend(
            numpy_helper.from_array(values, name) for name, values in replacement.constants.items()
        )
    correct_biases(compacted, model, changes, images)
    computing = list(graph.node)
    del graph.node[:]
    graph.node.extend([*restoring, *computing])
    return compacted, stored


def _as_int8(name: str, weight: NDArray[np.float32], axis: int) -> _Replacement:
    integers, scales = to_int8(weight, axis)
    whole, scale, cast = f"{name}.int8", f"{name}.scale", f"{name}.cast"
    return _Replacement(
        {whole: integers, scale: scales},
        [_cast(whole, cast), helper.make_node("Mul", [cast, scale], [name], f"{name}.restore")],
        integers.astype(np.float32) * scales,
    )


def _as_float16(name: str, weight: NDArray[np.float32]) -> _Replacement:
    halves = weight.astype(np.float16)
    half = f"{name}.float16"
    return _Replacement({half: halves}, [_cast(half, name)], halves.astype(np.float32))


def _stored_weight(
    name: str, storage: Storage, weight: NDArray[np.float32], replacement: _Replacement
) -> StoredWeight:
    norm = float(np.linalg.norm(weight))
    error = float(np.linalg.norm(replacement.restored - weight))
    size = sum(values.nbytes for values in replacement.constants.values())
    return StoredWeight(name, storage, size, error / norm if norm else 0.0)


def to_int8(weight: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers and the scale of each slice along ``axis`` that minimises the squared error.

    A channel's scale is searched over `SCALE_CANDIDATES`: clipping the one largest weight is
    often cheaper than rounding all others more coarsely. The scales keep ``weight``'s rank, with
    size 1 on every other axis, so that ``integers * scales`` broadcasts.
    """
    others = tuple(index for index in range(weight.ndim) if index != axis)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    full_scale = _float32(np.where(largest > 0, largest, 1.0) / LARGEST_INTEGER)
    best_scale = full_scale
    best_error = np.full(largest.shape, np.inf)
    for fraction in SCALE_CANDIDATES:
        scale = _float32(full_scale * fraction)
        error = np.square(_rounded(weight, scale) * scale - weight).sum(axis=others, keepdims=True)
        better = error < best_error
        best_scale = _float32(np.where(better, scale, best_scale))
        best_error = np.where(better, error, best_error)
    return _rounded(weight, best_scale).astype(np.int8), best_scale


def _float32(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _rounded(weight: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    return _float32(np.clip(np.rint(weight / scale), -LARGEST_INTEGER, LARGEST_INTEGER))


def _readers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def _storage(
    tensor: onnx.TensorProto, readers: list[onnx.NodeProto], keep: tuple[str, ...]
) -> Storage | None:
    elements = int(np.prod(tensor.dims, dtype=np.int64))
    is_weight = (
        tensor.data_type == onnx.TensorProto.FLOAT
        and len(tensor.dims) >= 2
        and len(readers) == 1
        and readers[0].op_type in WEIGHTED_OPERATORS
        and readers[0].input[1] == tensor.name
    )
    if not is_weight or elements < SMALLEST_FLOAT16:
        return None
    sensitive = INPUT in readers[0].input or _is_grouped(readers[0]) or tensor.name.startswith(keep)
    return "float16" if sensitive or elements < SMALLEST_INT8 else "int8"


def _is_grouped(node: onnx.NodeProto) -> bool:
    return any(attribute.name == "group" and attribute.i > 1 for attribute in node.attribute)


def output_axis(node: onnx.NodeProto) -> int:
    """The axis of a weighted node's weight along which its output channels lie."""
    if node.op_type == "Conv":
        return 0
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if transposed else 1


def _cast(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], f"{source}.cast", to=onnx.TensorProto.FLOAT)


def storage_summary(stored: Mapping[Modality, Sequence[StoredWeight]]) -> dict[str, Any]:
    """How many weights are stored how, and the worst relative error, by modality."""
    return {
        "branches": {
            modality.value: {
                storage: {
                    "tensors": len(chosen),
                    "bytes": sum(weight.bytes for weight in chosen),
                    "worst_relative_error": max(weight.relative_error for weight in chosen),
                    "worst": max(chosen, key=lambda weight: weight.relative_error).name,
                }
                for storage in ("int8", "float16")
                if (chosen := [weight for weight in weights if weight.storage == storage])
            }
            for modality, weights in stored.items()
        }
    }
