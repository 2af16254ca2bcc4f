"""Compact storage: fewer bytes, the same computation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.branch_graph import serialise
from export.compact_weights import LARGEST_INTEGER, StoredWeight, compact, to_int8
from export.parity import check_graph, compare, graph_embed
from export.tolerances import COMPACT_MIN_COSINE, COMPACT_TIE, require_close_to_float32
from tests.export.small_run import Images
from vreid.modality import Modality

Compacted = tuple[onnx.ModelProto, list[StoredWeight]]

MIDDLE = "branch.middle."


@pytest.fixture(scope="module")
def compacted(thermal: onnx.ModelProto, images: Images) -> Compacted:
    return compact(thermal, images[Modality.TIR], keep=[MIDDLE])


def test_a_compact_branch_needs_less_than_a_third_of_the_bytes(
    thermal: onnx.ModelProto, compacted: Compacted
) -> None:
    graph, _ = compacted
    check_graph(graph, Modality.TIR)
    assert len(serialise(graph)) < 0.3 * len(serialise(thermal))


def test_its_features_keep_their_direction(
    thermal: onnx.ModelProto, compacted: Compacted, images: Images
) -> None:
    parity = compare(
        Modality.TIR,
        graph_embed(thermal),
        graph_embed(compacted[0]),
        images[Modality.TIR],
        COMPACT_TIE,
    )
    require_close_to_float32(parity, by_ranking=True)
    assert all(COMPACT_MIN_COSINE < batch.min_cosine < 1 - 1e-6 for batch in parity.batches)


def test_the_runtime_folds_the_way_back_when_it_opens_the_file(
    thermal: onnx.ModelProto, compacted: Compacted, tmp_path: Path
) -> None:
    def optimised_operators(graph: onnx.ModelProto) -> list[str]:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        # Saving a hardware-specific graph is announced as a warning on stderr.
        options.log_severity_level = 3
        onnxruntime.InferenceSession(serialise(graph), options, providers=["CPUExecutionProvider"])
        optimised = onnx.load(tmp_path / "optimised.onnx")
        return sorted(node.op_type for node in optimised.graph.node)

    assert optimised_operators(compacted[0]) == optimised_operators(thermal)


def test_stem_depthwise_filters_and_the_kept_unit_are_float16_and_large_weights_int8(
    thermal: onnx.ModelProto, compacted: Compacted
) -> None:
    stored = {weight.name: weight for weight in compacted[1]}
    groups = {
        node.input[1]: next((a.i for a in node.attribute if a.name == "group"), 1)
        for node in thermal.graph.node
        if node.op_type == "Conv"
    }
    stem = next(
        node.input[1]
        for node in thermal.graph.node
        if node.op_type == "Conv" and node.input[0] == "images"
    )
    assert stored[stem].storage == "float16"
    for name, weight in stored.items():
        if groups[name] > 1 or name.startswith(MIDDLE):
            assert weight.storage == "float16", name
    in_eight_bits = [weight for weight in stored.values() if weight.storage == "int8"]
    assert len(in_eight_bits) > 15
    assert max(weight.relative_error for weight in in_eight_bits) < 0.02
    assert max(w.relative_error for w in stored.values() if w.storage == "float16") < 2**-11


def test_the_graph_that_was_compacted_is_left_alone(
    thermal: onnx.ModelProto, images: Images
) -> None:
    before = serialise(thermal)
    compact(thermal, images[Modality.TIR][:4])
    assert serialise(thermal) == before


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), axis=st.sampled_from([0, 1]), outlier=st.floats(1, 30))
def test_searched_scales_are_never_worse_than_the_largest_magnitude_alone(
    seed: int, axis: int, outlier: float
) -> None:
    weight = np.random.default_rng(seed).normal(size=(6, 40)).astype(np.float32)
    weight[0, 0] *= outlier
    integers, scales = to_int8(weight, axis)
    others = 1 - axis
    plain = np.abs(weight).max(axis=others, keepdims=True) / LARGEST_INTEGER
    plain_error = np.square(np.rint(weight / plain) * plain - weight).sum(axis=others)
    error = np.square(integers * scales - weight).sum(axis=others)
    assert scales.shape == plain.shape
    assert np.abs(integers.astype(int)).max() <= LARGEST_INTEGER
    assert (error <= plain_error * (1 + 1e-5)).all()


def test_a_channel_of_zeros_stays_zero() -> None:
    weight = np.ones((2, 8), dtype=np.float32)
    weight[1] = 0
    integers, scales = to_int8(weight, axis=0)
    np.testing.assert_allclose(integers * scales, weight, rtol=1e-6)
    assert np.isfinite(scales).all()
