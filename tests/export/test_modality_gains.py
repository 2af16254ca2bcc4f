"""A gain folded into a neck multiplies the branch's features, in the graph as in the network."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from export.errors import GraphError
from export.modality_gains import scale_graph, scale_network
from export.parity import graph_embed, torch_embed
from tests.export.small_run import Images
from training.model import CCNet
from vreid.modality import Modality


def test_a_scaled_graph_gives_scaled_features(thermal: onnx.ModelProto, images: Images) -> None:
    before = graph_embed(thermal)(images[Modality.TIR][:3])
    after = graph_embed(scale_graph(thermal, 0.3536))(images[Modality.TIR][:3])
    np.testing.assert_allclose(after, 0.3536 * before, rtol=1e-5, atol=1e-5)


def test_graph_and_network_are_scaled_alike(
    thermal: onnx.ModelProto, network: CCNet, images: Images
) -> None:
    scaled = scale_network(network, (1.0, 1.0, 0.5))
    expected = torch_embed(scaled.branch(Modality.TIR))(images[Modality.TIR][:3])
    found = graph_embed(scale_graph(thermal, 0.5))(images[Modality.TIR][:3])
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max())


def test_the_network_that_was_given_stays_as_it_is(network: CCNet) -> None:
    before = network.branch(Modality.TIR).neck.weight.detach().clone()
    scaled = scale_network(network, (1.0, 1.0, 0.5))
    assert (network.branch(Modality.TIR).neck.weight == before).all()
    assert (scaled.branch(Modality.TIR).neck.weight == before / 2).all()
    assert (
        scaled.branch(Modality.RGB).neck.weight == network.branch(Modality.RGB).neck.weight
    ).all()


def test_a_graph_without_the_neck_at_its_end_is_refused(thermal: onnx.ModelProto) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(thermal)
    del other.graph.node[-1]
    with pytest.raises(GraphError, match="--modality-weights none"):
        scale_graph(other, 0.5)
