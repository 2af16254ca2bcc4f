"""A branch in 8 bits: what is rounded how, what the libraries fuse, and what stays as it was."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from export.branch_graph import serialise
from export.compact_weights import compact
from export.quantisation.activation_ranges import Range, activation_ranges, measure_histograms
from export.quantisation.int8_graph import (
    QuantisableBranch,
    block_name,
    int8_graph,
    quantisable_branch,
)
from tests.export.quantisation.small_graphs import (
    NORMALISATION,
    SIDE,
    cosines,
    random_pixels,
    residual_branch,
    run,
)
from vreid.engines.openvino_runtime import import_openvino
from vreid.preprocessing import normalise

STEM, INNER, LAST = "branch.lower.0", "branch.lower.1", "branch.upper.0"

Prepared = tuple[QuantisableBranch, dict[str, Range]]


def prepare(model: onnx.ModelProto) -> Prepared:
    branch = quantisable_branch(model, NORMALISATION, random_pixels(12))
    histograms = measure_histograms(branch.graph, branch.tensors(), random_pixels(12))
    return branch, activation_ranges(histograms, "extremes")


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(residual_branch())


def test_the_features_keep_their_direction(prepared: Prepared) -> None:
    pixels = random_pixels(16, seed=3)
    expected = run(residual_branch(), normalise(pixels, NORMALISATION))
    found = cosines(expected, run(int8_graph(*prepared), pixels))
    assert 0.999 < found.min() < found.max() < 1


def test_activations_are_unsigned_and_weights_signed_with_a_scale_per_channel(
    prepared: Prepared,
) -> None:
    model = int8_graph(*prepared)
    onnx.checker.check_model(model, full_check=True)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            assert tensors[node.input[2]].data_type == TensorProto.UINT8
    weights = [t for t in tensors.values() if t.data_type == TensorProto.INT8 and len(t.dims) == 4]
    assert len(weights) == 4
    assert all(np.abs(numpy_helper.to_array(weight)).max() <= 127 for weight in weights)
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in {w.name for w in weights}:
            assert list(tensors[node.input[1]].dims) == tensors[node.input[0]].dims[:1]


def test_onnx_runtime_fuses_every_convolution_with_what_follows(
    prepared: Prepared, tmp_path: Path
) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        serialise(int8_graph(*prepared)), options, providers=["CPUExecutionProvider"]
    )
    found = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert found["QLinearConv"] == 4
    assert found["QLinearAdd"] == 1
    assert not {"Conv", "FusedConv", "Relu", "Clip"} & found.keys()


def test_openvino_computes_every_convolution_in_8_bits(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "branch.onnx"
    path.write_bytes(serialise(int8_graph(*prepared)))
    core = import_openvino().Core()
    model = core.read_model(path)
    model.reshape([1, SIDE, SIDE, 3])
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(model, "CPU", hints)
    facts = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    kinds = [
        one["runtimePrecision"].astype(str)
        for one in facts
        if one["layerType"].astype(str) == "Convolution"
    ]
    assert len(kinds) == 4
    assert set(kinds) <= {"u8", "i8"}


def test_a_block_that_stays_float32_is_computed_as_before(prepared: Prepared) -> None:
    branch, ranges = prepared
    pixels = random_pixels(8, seed=4)
    expected = run(branch.graph, pixels)
    everything = int8_graph(branch, ranges, set(branch.blocks))
    np.testing.assert_array_equal(run(everything, pixels), expected)
    model = int8_graph(branch, ranges, {STEM})
    tensors = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert tensors["branch.lower.0.weight"] == TensorProto.FLOAT
    assert "branch.lower.1.conv1.weight" not in tensors
    assert [node.op_type for node in model.graph.node].count("Clip") == 1
    partly = cosines(expected, run(model, pixels)).mean()
    assert cosines(expected, run(int8_graph(branch, ranges), pixels)).mean() < partly < 1


def test_a_channel_of_next_to_no_weight_keeps_its_bias() -> None:
    """Its scale is so small that the bias would need more than 32 bits."""
    model = residual_branch(64)
    for tensor in model.graph.initializer:
        if tensor.name == "branch.lower.1.conv1.weight":
            weight = numpy_helper.to_array(tensor).copy()
            weight[::2] *= 1e-9
            tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    pixels = random_pixels(8, seed=6)
    expected = run(model, normalise(pixels, NORMALISATION))
    assert cosines(expected, run(int8_graph(*prepare(model)), pixels)).min() > 0.999
    images = normalise(random_pixels(8), NORMALISATION)
    stored, _ = compact(model, images)
    assert cosines(expected, run(int8_graph(*prepare(stored)), pixels)).min() > 0.998


def test_weights_of_a_compact_file_keep_their_integers() -> None:
    stored, _ = compact(residual_branch(64), normalise(random_pixels(8), NORMALISATION))
    before = {
        tensor.raw_data for tensor in stored.graph.initializer if tensor.name.endswith(".int8")
    }
    assert len(before) == 1
    after = {tensor.raw_data for tensor in int8_graph(*prepare(stored)).graph.initializer}
    assert before <= after


def test_what_rounding_weights_shifts_goes_into_the_biases(prepared: Prepared) -> None:
    branch, _ = prepared
    constants = {tensor.name: tensor for tensor in branch.graph.graph.initializer}
    before = numpy_helper.to_array(constants["branch.upper.0.bias"])
    after = branch.weights["branch.upper.0.weight"].bias
    assert after is not None
    assert 0 < np.abs(after - before).max() < 0.1


def test_nodes_belong_to_the_block_that_they_take_from(prepared: Prepared) -> None:
    branch, _ = prepared
    kinds = {
        block: Counter(node.partition("_")[0] for node in nodes)
        for block, nodes in branch.blocks.items()
    }
    assert kinds == {
        STEM: {"Conv": 1, "Clip": 1},
        INNER: {"Conv": 2, "Relu": 1, "Add": 1},
        LAST: {"Conv": 1, "Relu": 1},
    }


@pytest.mark.parametrize(
    ("weight", "block"),
    [
        ("branch.lower.0.weight", "branch.lower.0"),
        ("branch.upper.1.0.conv_pw.weight", "branch.upper.1.0"),
        ("branch.lower.4.0.downsample.0.weight", "branch.lower.4.0"),
        ("branch.middle.gamma.convolutions.0.weight", "branch.middle"),
        ("kernel", "kernel"),
    ],
)
def test_a_block_is_named_by_its_place_in_the_network(weight: str, block: str) -> None:
    assert block_name(weight) == block
