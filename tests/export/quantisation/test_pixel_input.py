"""Pixels in give what normalised images in give, at the border of the image, too."""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.quantisation.pixel_input import take_pixels
from tests.export.quantisation.small_graphs import (
    NORMALISATION,
    SIDE,
    model_of,
    random_pixels,
    residual_branch,
    run,
)
from vreid.preprocessing import Normalisation, normalise

MEANS = st.tuples(*[st.floats(0, 1)] * 3)
DEVIATIONS = st.tuples(*[st.floats(0.05, 1)] * 3)


def convolution(weight: NDArray[np.float32], padding: int, stride: int) -> onnx.ModelProto:
    """One convolution whose every output is a feature."""
    nodes = [
        helper.make_node(
            "Conv", ["images", "w"], ["maps"], pads=[padding] * 4, strides=[stride, stride]
        ),
        helper.make_node("Flatten", ["maps"], ["features"]),
    ]
    across = (SIDE + 2 * padding - weight.shape[2]) // stride + 1
    return model_of(nodes, {"w": weight}, weight.shape[0] * across**2)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    mean=MEANS,
    deviation=DEVIATIONS,
    kernel=st.sampled_from([1, 3, 5]),
    padding=st.integers(0, 2),
    stride=st.integers(1, 2),
)
def test_the_first_convolution_gives_the_same_with_its_padding(
    seed: int,
    mean: tuple[float, float, float],
    deviation: tuple[float, float, float],
    kernel: int,
    padding: int,
    stride: int,
) -> None:
    generator = np.random.default_rng(seed)
    weight = generator.normal(0, 1, (4, 3, kernel, kernel)).astype(np.float32)
    pixels = generator.integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    normalisation = Normalisation(mean, deviation)
    model = convolution(weight, padding, stride)
    expected = run(model, normalise(pixels, normalisation))
    found = run(take_pixels(model, normalisation), pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_graph_takes_bytes_channels_last_and_is_valid() -> None:
    changed = take_pixels(residual_branch(), NORMALISATION)
    onnx.checker.check_model(changed, full_check=True)
    (taken,) = changed.graph.input
    assert taken.type.tensor_type.elem_type == TensorProto.UINT8
    sizes = [dimension.dim_value for dimension in taken.type.tensor_type.shape.dim]
    assert sizes == [0, SIDE, SIDE, 3]


def test_the_graph_that_is_given_stays_as_it_is() -> None:
    model = residual_branch()
    before = model.SerializeToString(deterministic=True)
    take_pixels(model, NORMALISATION)
    assert model.SerializeToString(deterministic=True) == before


def test_what_reads_the_images_and_is_no_convolution_gets_them_normalised() -> None:
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["maps"]),
        helper.make_node("Add", ["maps", "images"], ["sum"]),
        helper.make_node("Shape", ["images"], ["shape"], start=0, end=1),
        helper.make_node("Concat", ["shape", "rest"], ["flat"], axis=0),
        helper.make_node("Reshape", ["sum", "flat"], ["features"]),
    ]
    weight = np.random.default_rng(1).normal(0, 1, (3, 3, 1, 1)).astype(np.float32)
    constants = {"w": weight, "rest": np.array([3 * SIDE * SIDE], dtype=np.int64)}
    model = model_of(nodes, constants, 3 * SIDE * SIDE)
    pixels = random_pixels(2)
    expected = run(model, normalise(pixels, NORMALISATION))
    found = run(take_pixels(model, NORMALISATION), pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_weight_of_two_convolutions_is_not_scaled_twice() -> None:
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["once"]),
        helper.make_node("Conv", ["once", "w"], ["twice"]),
        helper.make_node("Flatten", ["twice"], ["features"]),
    ]
    weight = np.random.default_rng(2).normal(0, 1, (3, 3, 1, 1)).astype(np.float32)
    model = model_of(nodes, {"w": weight}, 3 * SIDE * SIDE)
    pixels = random_pixels(2)
    expected = run(model, normalise(pixels, NORMALISATION))
    found = run(take_pixels(model, NORMALISATION), pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
