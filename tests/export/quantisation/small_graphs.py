"""Small graphs of convolutions, as a branch's graph is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.branch_graph import serialise
from vreid.preprocessing import Normalisation

SIDE = 16

NORMALISATION = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def model_of(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, object],
    features: int,
) -> onnx.ModelProto:
    """A graph from normalised images (N, 3, SIDE, SIDE) to features (N, D)."""
    for number, node in enumerate(nodes):
        node.name = f"{node.op_type}_{number}"
    graph = helper.make_graph(
        list(nodes),
        "branch",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", features])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def residual_branch(channels: int = 32, seed: int = 0) -> onnx.ModelProto:
    """Stem with ReLU6, two convolutions beside a shortcut, pooling: three blocks."""
    generator = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float32]:
        spread = 1.5 / np.sqrt(np.prod(shape[1:]))
        return generator.normal(0, spread, shape).astype(np.float32)

    constants = {
        "branch.lower.0.weight": drawn(channels, 3, 3, 3),
        "branch.lower.0.bias": drawn(channels),
        "branch.lower.1.conv1.weight": drawn(channels, channels, 3, 3),
        "branch.lower.1.conv1.bias": drawn(channels),
        "branch.lower.1.conv2.weight": drawn(channels, channels, 1, 1),
        "branch.lower.1.conv2.bias": drawn(channels),
        "branch.upper.0.weight": drawn(2 * channels, channels, 1, 1),
        "branch.upper.0.bias": drawn(2 * channels),
        "zero": np.float32(0),
        "six": np.float32(6),
        "axes": np.array([2, 3], dtype=np.int64),
    }
    nodes = [
        _convolution("images", "branch.lower.0", "stem", padding=1),
        helper.make_node("Clip", ["stem", "zero", "six"], ["stem6"]),
        _convolution("stem6", "branch.lower.1.conv1", "inner", padding=1),
        helper.make_node("Relu", ["inner"], ["inner+"]),
        _convolution("inner+", "branch.lower.1.conv2", "outer"),
        helper.make_node("Add", ["outer", "stem6"], ["sum"]),
        _convolution("sum", "branch.upper.0", "last"),
        helper.make_node("Relu", ["last"], ["last+"]),
        helper.make_node("ReduceMean", ["last+", "axes"], ["features"], keepdims=0),
    ]
    return model_of(nodes, constants, 2 * channels)


def random_pixels(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Coarse patterns (count, SIDE, SIDE, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(SIDE // 4, axis=1).repeat(SIDE // 4, axis=2)


def run(model: onnx.ModelProto, images: NDArray[np.generic]) -> NDArray[np.float32]:
    """Features by ONNX Runtime."""
    session = onnxruntime.InferenceSession(serialise(model), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["features"], {"images": images})[0], dtype=np.float32)


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Row by row."""
    products = (one * other).sum(axis=1, dtype=np.float64)
    return np.asarray(products / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1))


def _convolution(source: str, layer: str, target: str, padding: int = 0) -> onnx.NodeProto:
    size = 3 if padding else 1
    return helper.make_node(
        "Conv",
        [source, f"{layer}.weight", f"{layer}.bias"],
        [target],
        kernel_shape=[size, size],
        pads=[padding] * 4,
    )
