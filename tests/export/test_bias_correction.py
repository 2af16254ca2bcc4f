"""What rounding a weight shifts on average is given back by the bias."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.bias_correction import mean_inputs, mean_shift
from export.compact_weights import compact
from export.parity import graph_embed


def two_layers() -> onnx.ModelProto:
    """A stem, ReLU, a 1x1 convolution that is large enough for 8 bits, pooling."""
    random = np.random.default_rng(0)
    weights = {
        "stem": random.normal(size=(256, 3, 3, 3)),
        "stem_bias": random.normal(size=256),
        "dense": random.normal(size=(128, 256, 1, 1)),
        "dense_bias": random.normal(size=128),
    }
    return helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Conv", ["images", "stem", "stem_bias"], ["responses"]),
                helper.make_node("Relu", ["responses"], ["activations"]),
                helper.make_node("Conv", ["activations", "dense", "dense_bias"], ["mixed"]),
                helper.make_node("GlobalAveragePool", ["mixed"], ["pooled"]),
                helper.make_node("Flatten", ["pooled"], ["features"]),
            ],
            "two layers",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, 8, 8])],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 128])],
            [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )


def test_the_mean_output_over_the_images_is_that_of_the_unrounded_weights() -> None:
    model = two_layers()
    images = np.random.default_rng(1).normal(size=(10, 3, 8, 8)).astype(np.float32)
    compacted, stored = compact(model, images, keep=["stem"])
    assert [weight.name for weight in stored if weight.storage == "int8"] == ["dense"]
    exact, found = graph_embed(model)(images), graph_embed(compacted)(images)
    spread = np.abs(found - exact).max()
    assert spread > 0.01, "rounding must show on single images for the test to mean anything"
    # The float16 stem moves the layer's inputs a little, which the correction does not cover.
    assert np.abs((found - exact).mean(axis=0)).max() < 0.05 * spread


def test_means_are_taken_per_channel_over_images_and_positions() -> None:
    images = np.random.default_rng(2).normal(size=(7, 3, 8, 8)).astype(np.float32)
    means = mean_inputs(two_layers(), ["images", "activations"], images)
    np.testing.assert_allclose(means["images"], images.mean(axis=(0, 2, 3)), atol=1e-6)
    assert means["activations"].shape == (256,)
    assert (means["activations"] > 0).all()


def test_of_a_grouped_convolution_each_group_shifts_by_its_own_inputs() -> None:
    change = np.array([[[[1.0]]], [[[2.0]]], [[[3.0]]], [[[4.0]]]], dtype=np.float32)
    means = np.array([10.0, 100.0])
    np.testing.assert_allclose(mean_shift(change, means), [10, 20, 300, 400])
