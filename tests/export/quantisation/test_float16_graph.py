"""Half precision, with statistics that do not fit into it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.quantisation.float16_graph import float16_graph, in_float32
from tests.export.quantisation.small_graphs import (
    NORMALISATION,
    SIDE,
    cosines,
    model_of,
    random_pixels,
    residual_branch,
    run,
)
from vreid.preprocessing import normalise


def with_statistics(scale: float) -> onnx.ModelProto:
    """A convolution, then each sample less its mean and over its deviation, as ALNU does."""
    constants = {
        "branch.lower.0.weight": (
            scale * np.random.default_rng(0).normal(0, 1, (8, 3, 3, 3))
        ).astype(np.float32),
        "all": np.array([1, 2, 3], dtype=np.int64),
        "shape": np.array([-1, 1, 1, 1], dtype=np.int64),
        "epsilon": np.float32(1e-6),
    }
    nodes = [
        helper.make_node("Conv", ["images", "branch.lower.0.weight"], ["maps"]),
        helper.make_node("ReduceMean", ["maps", "all"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["maps", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["squares"]),
        helper.make_node("ReduceMean", ["squares", "all"], ["variance"], keepdims=0),
        helper.make_node("Reshape", ["variance", "shape"], ["shaped"]),
        helper.make_node("Add", ["shaped", "epsilon"], ["above zero"]),
        helper.make_node("Sqrt", ["above zero"], ["deviation"]),
        helper.make_node("Reciprocal", ["deviation"], ["inverse"]),
        helper.make_node("Mul", ["centred", "inverse"], ["normalised"]),
        helper.make_node("Flatten", ["normalised"], ["features"]),
    ]
    return model_of(nodes, constants, 8 * (SIDE - 2) ** 2)


@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_a_variance_beyond_half_precision_is_none_of_its_business(scale: float) -> None:
    pixels = random_pixels(4)
    images = normalise(pixels, NORMALISATION)
    model = with_statistics(scale)
    variance = run(model, images).var()
    assert variance == pytest.approx(1, abs=0.01)
    half = float16_graph(model, NORMALISATION)
    onnx.checker.check_model(half, full_check=True)
    found = run(half, pixels)
    assert np.isfinite(found).all()
    assert cosines(run(model, images), found).min() > 0.99999


def test_everything_between_two_statistics_stays_float32_and_convolutions_do_not() -> None:
    model = with_statistics(1.0)
    kinds = {node.name: node.op_type for node in model.graph.node}
    wide = sorted(kinds[name] for name in in_float32(model))
    assert wide == [
        "Add",
        "Mul",
        "Reciprocal",
        "ReduceMean",
        "ReduceMean",
        "Reshape",
        "Sqrt",
        "Sub",
    ]


def test_weights_are_half_as_large_and_features_float32() -> None:
    model = residual_branch(64)
    half = float16_graph(model, NORMALISATION)
    assert len(half.SerializeToString()) < 0.55 * len(model.SerializeToString())
    assert half.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    pixels = random_pixels(4)
    expected = run(model, normalise(pixels, NORMALISATION))
    assert cosines(expected, run(half, pixels)).min() > 0.9999


def test_features_that_half_precision_ends_in_are_cast() -> None:
    nodes = [
        helper.make_node("Conv", ["images", "branch.lower.0.weight"], ["maps"]),
        helper.make_node("Flatten", ["maps"], ["features"]),
    ]
    weight = np.random.default_rng(0).normal(0, 1, (2, 3, 1, 1)).astype(np.float32)
    model = model_of(nodes, {"branch.lower.0.weight": weight}, 2 * SIDE * SIDE)
    pixels = random_pixels(2)
    found = run(float16_graph(model, NORMALISATION), pixels)
    expected = run(model, normalise(pixels, NORMALISATION))
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.02)
