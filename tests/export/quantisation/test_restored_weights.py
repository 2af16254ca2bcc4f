"""Compact weights as float32 again."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, numpy_helper

from export.compact_weights import compact
from export.quantisation.restored_weights import restore_weights
from tests.export.quantisation.small_graphs import (
    NORMALISATION,
    random_pixels,
    residual_branch,
    run,
)
from vreid.preprocessing import normalise


def test_a_compact_graph_computes_the_same_without_its_way_back() -> None:
    images = normalise(random_pixels(4), NORMALISATION)
    stored, weights = compact(residual_branch(channels=64), images)
    assert {weight.storage for weight in weights} == {"int8", "float16"}
    restored, scales = restore_weights(stored)
    assert not {"Cast", "Mul"} & {node.op_type for node in restored.graph.node}
    kinds = {tensor.data_type for tensor in restored.graph.initializer}
    assert not {TensorProto.INT8, TensorProto.FLOAT16} & kinds
    np.testing.assert_allclose(run(restored, images), run(stored, images), rtol=1e-5, atol=1e-6)
    assert scales.keys() == {weight.name for weight in weights if weight.storage == "int8"}


def test_scales_give_the_stored_integers_back() -> None:
    images = normalise(random_pixels(4), NORMALISATION)
    stored, _ = compact(residual_branch(channels=64), images)
    restored, scales = restore_weights(stored)
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in stored.graph.initializer}
    after = {tensor.name: numpy_helper.to_array(tensor) for tensor in restored.graph.initializer}
    for name, scale in scales.items():
        assert scale.shape == (after[name].shape[0],)
        integers = np.rint(after[name] / scale[:, None, None, None])
        np.testing.assert_array_equal(integers, before[f"{name}.int8"])


def test_a_float32_graph_is_left_as_it_is() -> None:
    model = residual_branch()
    restored, scales = restore_weights(model)
    assert scales == {}
    assert restored == model
