"""What stays float32 is found by measuring."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.quantisation.int8_graph import QuantisableBranch, int8_graph, quantisable_branch
from export.quantisation.sensitivity import (
    TARGET_DISTANCE,
    BlockChoice,
    choose_blocks,
    mean_distance,
)
from tests.export.quantisation.small_graphs import (
    NORMALISATION,
    random_pixels,
    residual_branch,
    run,
)

PIXELS = random_pixels(24)


def with_a_wide_channel(factor: float) -> onnx.ModelProto:
    """A branch of which one inner channel is so large that the steps of all others are coarse."""
    model = residual_branch()
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if tensor.name in ("branch.lower.1.conv1.weight", "branch.lower.1.conv1.bias"):
            values[0] *= factor
        elif tensor.name == "branch.lower.1.conv2.weight":
            values[:, 0] /= factor
        else:
            continue
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))
    return model


def branch_of(model: onnx.ModelProto) -> QuantisableBranch:
    return quantisable_branch(model, NORMALISATION, PIXELS)


@pytest.fixture(scope="module")
def wide() -> QuantisableBranch:
    return branch_of(with_a_wide_channel(1000.0))


@pytest.fixture(scope="module")
def choice(wide: QuantisableBranch) -> BlockChoice:
    return choose_blocks(wide, PIXELS)


def test_an_even_branch_is_all_in_8_bits() -> None:
    choice = choose_blocks(branch_of(residual_branch()), PIXELS)
    assert choice.in_float == ()
    assert choice.methods[choice.method] == min(choice.methods.values()) <= TARGET_DISTANCE


def test_the_block_that_suffers_is_the_one_that_stays(choice: BlockChoice) -> None:
    assert choice.in_float == ("branch.lower.1",)
    assert next(iter(choice.alone)) == "branch.lower.1"
    assert list(choice.alone.values()) == sorted(choice.alone.values(), reverse=True)


def test_the_choice_keeps_what_it_promises(wide: QuantisableBranch, choice: BlockChoice) -> None:
    expected = run(wide.graph, PIXELS[1::2])
    graph = int8_graph(wide, choice.ranges, choice.in_float)
    distance = mean_distance(expected, run(graph, PIXELS[1::2]))
    assert distance == pytest.approx(choice.methods[choice.method], abs=1e-6)
    assert distance <= TARGET_DISTANCE


def test_equal_features_have_no_distance() -> None:
    features = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    assert mean_distance(features, 3 * features) == pytest.approx(0, abs=1e-6)
    assert mean_distance(features, -features) == pytest.approx(2, abs=1e-6)
