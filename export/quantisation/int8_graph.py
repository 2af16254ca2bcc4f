"""A branch as an int8 graph: QuantizeLinear and DequantizeLinear around what is computed in 8 bits.

Activations are unsigned with an offset: signed ones take ONNX Runtime's slow path on x86, three
times as slow. Weights are signed and symmetric, with a scale per output channel. Between a
convolution and the next nothing but the integers' own clipping is left of a ReLU or ReLU6, so that
ONNX Runtime and OpenVINO fuse the three nodes into one kernel.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import add_infer_metadata

from export.bias_correction import mean_inputs, mean_shift
from export.branch_graph import portable
from export.compact_weights import LARGEST_INTEGER, output_axis, to_int8
from export.quantisation.activation_ranges import STEPS, Range
from export.quantisation.pixel_input import take_pixels
from export.quantisation.restored_weights import restore_weights
from vreid.preprocessing import Normalisation

WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})
ACTIVATIONS = frozenset({"Clip", "Relu"})
LARGEST_INT32 = 2**31 - 1

PASSING = frozenset({*ACTIVATIONS, "Add", "MaxPool"})
"""Computed in 8 bits where everything that they take is."""


@dataclass(frozen=True, slots=True)
class RoundedWeight:
    """A weight as integers with a scale for each slice along ``axis``, and the bias beside it.

    ``bias`` (C,) is corrected for what rounding shifts, see `export.bias_correction`; None where
    the layer has none.
    """

    integers: NDArray[np.float32]
    scales: NDArray[np.float32]
    axis: int
    bias: NDArray[np.float32] | None

    def restored(self, scales: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the integers stand for at these scales (C,)."""
        shape = [-1 if index == self.axis else 1 for index in range(self.integers.ndim)]
        return np.asarray(self.integers * scales.reshape(shape), dtype=np.float32)

    def scales_that_hold_the_bias(self, input_step: float) -> NDArray[np.float32]:
        """The scales, larger where the bias would not fit into 32 bits, (C,).

        A bias is stored in steps of the input's times the weight's. Weights of channels that
        training has switched off are next to nothing, and so are their steps. Larger ones give such
        weights a say of at most C_in * 127 * 255 / 2**31 of the bias, which no output can show.
        """
        if self.bias is None:
            return self.scales
        smallest = np.abs(self.bias).astype(np.float64) * 1.001 / (input_step * LARGEST_INT32)
        return np.maximum(self.scales, smallest).astype(np.float32)


@dataclass(frozen=True, slots=True)
class QuantisableBranch:
    """A float32 graph that takes pixels, and what is needed to compute parts of it in 8 bits.

    ``blocks`` maps a block's name to its nodes, in the graph's order; blocks are what is kept in
    float32 or not, as a whole.
    """

    graph: onnx.ModelProto
    weights: Mapping[str, RoundedWeight]
    blocks: Mapping[str, tuple[str, ...]]

    def tensors(self) -> set[str]:
        """Everything that may be rounded while it is computed."""
        chosen = {node for nodes in self.blocks.values() for node in nodes}
        constants = {tensor.name for tensor in self.graph.graph.initializer}
        return {
            name
            for node in self.graph.graph.node
            if node.name in chosen
            for name in (*node.input, *node.output)
            if name and name not in constants
        }


def quantisable_branch(
    model: onnx.ModelProto, normalisation: Normalisation, pixels: NDArray[np.uint8]
) -> QuantisableBranch:
    """Prepare a bundle's float32 graph; weights stored as integers keep just these integers.

    Args:
        model: takes normalised images; its weights may be compact.
        normalisation: of the modality.
        pixels: real images (n, H, W, 3), on which the shift of rounding is measured.
    """
    restored, scales = restore_weights(model)
    graph = take_pixels(restored, normalisation)
    initial = {tensor.name: tensor for tensor in restored.graph.initializer}
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    blocks = _blocks(graph)
    chosen = {name for nodes in blocks.values() for name in nodes}
    weighted = [
        node for node in graph.graph.node if node.op_type in WEIGHTED and node.name in chosen
    ]
    means = mean_inputs(graph, [node.input[0] for node in weighted], pixels)
    weights = {}
    for node in weighted:
        name, axis = node.input[1], output_axis(node)
        weight = numpy_helper.to_array(constants[name])
        unchanged = name in scales and constants[name] == initial[name]
        found = scales[name] if unchanged else to_int8(weight, axis)[1].reshape(-1)
        rounded = RoundedWeight(_integers(weight, found, axis), found, axis, None)
        if node.op_type == "Conv" and len(node.input) > 2:
            before = numpy_helper.to_array(constants[node.input[2]])
            shift = mean_shift(rounded.restored(found) - weight, means[node.input[0]])
            rounded = replace(rounded, bias=(before - shift).astype(np.float32))
        weights[name] = rounded
    return QuantisableBranch(graph, weights, blocks)


def int8_graph(
    branch: QuantisableBranch, ranges: Mapping[str, Range], in_float: Collection[str] = ()
) -> onnx.ModelProto:
    """The branch with all its blocks in 8 bits but those named, which stay float32."""
    nodes = [
        name for block, names in branch.blocks.items() if block not in in_float for name in names
    ]
    model = onnx.shape_inference.infer_shapes(branch.graph)
    if not nodes:
        return portable(model)
    add_infer_metadata(model)
    chosen = set(nodes)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    overrides = {}
    for node in model.graph.node:
        if node.name not in chosen or node.op_type not in WEIGHTED:
            continue
        rounded = branch.weights[node.input[1]]
        low, high = ranges[node.input[0]]
        scales = rounded.scales_that_hold_the_bias((high - low) / STEPS)
        weight = constants[node.input[1]]
        weight.CopyFrom(numpy_helper.from_array(rounded.restored(scales), weight.name))
        overrides[node.input[1]] = [
            {
                "axis": rounded.axis,
                "quant_type": QuantType.QInt8,
                "scale": np.float32(scale),
                "zero_point": np.int8(0),
            }
            for scale in scales
        ]
        if rounded.bias is not None:
            tensor = constants[node.input[2]]
            tensor.CopyFrom(numpy_helper.from_array(rounded.bias, tensor.name))
    quantiser = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range={
            name: TensorData(lowest=np.float32(low), highest=np.float32(high))
            for name, (low, high) in ranges.items()
        },
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=sorted(WEIGHTED | PASSING),
        extra_options={
            "TensorQuantOverrides": overrides,
            # Weights that a compact file shares must keep their scales.
            "QDQDisableWeightAdjustForInt32Bias": True,
        },
    )
    quantiser.quantize_model()
    quantiser.model.topological_sort()
    return portable(quantiser.model.model)


def _integers(
    weight: NDArray[np.float32], scales: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    shape = [-1 if index == axis else 1 for index in range(weight.ndim)]
    steps = np.rint(weight / scales.reshape(shape))
    return np.asarray(np.clip(steps, -LARGEST_INTEGER, LARGEST_INTEGER), dtype=np.float32)


def _blocks(model: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """Nodes that may be computed in 8 bits, by the part of the network that they belong to.

    Weighted layers go by their weight's name, up to its leading numbers: all of
    ``branch.upper.1.0.conv_pw.weight`` and ``branch.upper.1.0.conv_dw.weight`` is one block. What
    only passes on or adds belongs to the block that it takes from.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    made_by: dict[str, str] = {}
    blocks: dict[str, list[str]] = {}
    for node in model.graph.node:
        block = None
        if node.op_type in WEIGHTED and node.input[1] in constants:
            block = block_name(node.input[1])
        elif node.op_type in PASSING:
            taken = [name for name in node.input if name and name not in constants]
            if taken and all(name in made_by for name in taken):
                block = made_by[taken[0]]
        if block is not None:
            blocks.setdefault(block, []).append(node.name)
            made_by[node.output[0]] = block
    return {name: tuple(nodes) for name, nodes in blocks.items()}


def block_name(weight: str) -> str:
    """The block of a weight: ``branch.lower.4.0.conv1.weight`` is in ``branch.lower.4.0``."""
    parts = weight.split(".")
    numbers = itertools.takewhile(str.isdigit, parts[2:])
    return ".".join([*parts[:2], *numbers])
