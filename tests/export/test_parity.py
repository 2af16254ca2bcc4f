"""Parity is measured per branch and batch, and a difference is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from export.errors import ParityError
from export.parity import (
    BATCH_SIZES,
    BranchParity,
    RankingParity,
    check_graph,
    compare,
    graph_embed,
    rank_parity,
    torch_embed,
)
from export.tolerances import (
    COMPACT_MAX_MAP_LOSS,
    COMPACT_TIE,
    MIN_PAIRS,
    TIE,
    require_close_to_float32,
    require_same_as_torch,
    require_same_map,
)
from tests.export.small_run import Images
from training.model import CCNet
from vreid.modality import Modality

Features = NDArray[np.float32]


def features(count: int = 24) -> Features:
    return np.random.default_rng(0).normal(size=(count, 32)).astype(np.float32)


def test_a_faithful_graph_is_measured_at_every_batch_size(
    network: CCNet, thermal: onnx.ModelProto, images: Images
) -> None:
    parity = compare(
        Modality.TIR,
        torch_embed(network.branch(Modality.TIR)),
        graph_embed(thermal),
        images[Modality.TIR],
        TIE,
    )
    require_same_as_torch(parity)
    assert tuple(batch.batch for batch in parity.batches) == BATCH_SIZES
    assert parity.ranking.pairs > 500, "the images must differ enough to be ranked"
    assert parity.ranking.exchanged == 0


def test_a_changed_weight_is_found_and_the_message_names_branch_batch_and_amount(
    network: CCNet, thermal: onnx.ModelProto, images: Images
) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(thermal)
    stem = next(t for t in changed.graph.initializer if list(t.dims) == [32, 3, 3, 3])
    stem.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stem) * 1.01, stem.name))
    parity = compare(
        Modality.TIR,
        torch_embed(network.branch(Modality.TIR)),
        graph_embed(changed),
        images[Modality.TIR],
        TIE,
    )
    with pytest.raises(ParityError, match="the tir branch at batch 1: largest difference") as found:
        require_same_as_torch(parity)
    assert (found.value.modality, found.value.batch) == (Modality.TIR, 1)
    assert found.value.measured > found.value.allowed


def test_an_exchanged_order_is_found_even_where_every_value_is_close() -> None:
    expected = features()
    measured = expected.copy()
    measured[10], measured[11] = expected[11], expected[10]
    ranking = rank_parity(expected, measured, TIE)
    assert 0 < ranking.exchanged < ranking.pairs


def test_ties_may_change_order() -> None:
    expected = features()
    expected[11] = expected[10]
    measured = expected.copy()
    measured[10, 0] += 1e-6
    measured[11, 0] -= 1e-6
    assert rank_parity(expected, measured, TIE).exchanged == 0


def test_features_that_are_not_numbers_fail() -> None:
    def broken(images: NDArray[np.float32]) -> Features:
        return np.full((len(images), 4), np.nan, dtype=np.float32)

    parity = compare(Modality.RGB, broken, broken, np.zeros((24, 3, 2, 2), np.float32), TIE)
    with pytest.raises(ParityError, match="nan"):
        require_same_as_torch(parity)


def test_compact_features_that_turned_too_far_fail() -> None:
    exact = features()
    turned = exact + np.random.default_rng(1).normal(size=exact.shape).astype(np.float32)

    def before(images: NDArray[np.float32]) -> Features:
        return exact[: len(images)]

    def after(images: NDArray[np.float32]) -> Features:
        return turned[: len(images)]

    parity = compare(Modality.NIR, before, after, np.zeros((24, 3, 2, 2), np.float32), TIE)
    with pytest.raises(ParityError, match="the nir branch at batch 1: least cosine"):
        require_close_to_float32(parity, by_ranking=False)


def measured(features: Features, after: Features, tie: float) -> BranchParity:
    """Comparison of features of 24 images, whatever gave them."""
    return compare(
        Modality.NIR,
        lambda images: features[: len(images)],
        lambda images: after[: len(images)],
        np.zeros((24, 3, 2, 2), np.float32),
        tie,
    )


@pytest.mark.parametrize(
    "check", [require_same_as_torch, partial(require_close_to_float32, by_ranking=True)]
)
def test_a_ranking_in_which_everything_is_tied_proves_nothing(
    check: Callable[[BranchParity], None],
) -> None:
    alike = np.repeat(features(1), 24, axis=0)
    parity = measured(alike, alike, TIE)
    assert parity.ranking == RankingParity(pairs=0, exchanged=0)
    with pytest.raises(ParityError, match="too few to compare rankings on") as found:
        check(parity)
    assert (found.value.measured, found.value.allowed) == (0, MIN_PAIRS)


def test_without_validation_data_compact_weights_must_keep_the_order() -> None:
    same = measured(features(), features(), COMPACT_TIE)
    require_close_to_float32(same, by_ranking=True)
    changed = replace(same, ranking=RankingParity(pairs=500, exchanged=1))
    require_close_to_float32(changed, by_ranking=False)
    with pytest.raises(ParityError, match="ranked otherwise than by float32 weights"):
        require_close_to_float32(changed, by_ranking=True)


def test_compact_weights_may_cost_half_a_point_of_map_and_no_more() -> None:
    require_same_map({"set": 0.900}, {"set": 0.8951})
    require_same_map({"set": 0.900}, {"set": 0.950})
    with pytest.raises(ParityError, match=r"0\.60 points of mAP on set") as found:
        require_same_map({"set": 0.900}, {"set": 0.894})
    assert found.value.allowed == COMPACT_MAX_MAP_LOSS


def test_a_graph_that_is_not_onnx_fails(thermal: onnx.ModelProto) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(thermal)
    broken.graph.node[3].op_type = "NoSuchOperator"
    with pytest.raises(ParityError, match="the rgb graph is not valid ONNX"):
        check_graph(broken, Modality.RGB)
