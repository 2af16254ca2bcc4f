"""One branch becomes one self-contained ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import pytest
import torch
from google.protobuf.message import Message  # type: ignore[import-untyped]

from export.branch_graph import OPSET, branch_graph
from export.parity import check_graph, compare, graph_embed, torch_embed
from export.tolerances import TIE, require_same_as_torch
from tests.export.small_run import SIDE, Images, settle
from training.model import CCNet
from vreid.modality import Modality


def texts(message: Message) -> Iterator[str]:
    """Every string of a message except the bytes of tensors."""
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                yield from texts(item)
            elif isinstance(item, str):
                yield item


def test_the_graph_takes_images_and_gives_features_of_any_batch_size(
    thermal: onnx.ModelProto, network: CCNet
) -> None:
    (taken,), (given,) = thermal.graph.input, thermal.graph.output
    sizes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (taken, given)
    ]
    assert (taken.name, given.name) == ("images", "features")
    assert sizes == [["N", 3, SIDE, SIDE], ["N", network.feature_size]]
    assert {(opset.domain, opset.version) for opset in thermal.opset_import} == {("", OPSET)}


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_a_batch_gives_what_its_images_give_one_by_one(
    thermal: onnx.ModelProto, images: Images, batch: int
) -> None:
    embed = graph_embed(thermal)
    chosen = images[Modality.TIR][:batch]
    together = embed(chosen)
    apart = np.concatenate([embed(chosen[row : row + 1]) for row in range(batch)])
    assert together.shape == apart.shape
    np.testing.assert_allclose(together, apart, atol=1e-4 * np.abs(apart).max())


def test_batch_normalisations_are_folded_into_convolutions_and_padding_is_static(
    thermal: onnx.ModelProto,
) -> None:
    operators = [node.op_type for node in thermal.graph.node]
    # The neck stands behind the pooling and has no convolution to go into.
    assert operators.count("BatchNormalization") == 1
    assert "Pad" not in operators
    strided = [
        {a.name: list(a.ints) for a in node.attribute}
        for node in thermal.graph.node
        if node.op_type == "Conv"
    ]
    uneven = [a["pads"] for a in strided if a.get("strides") == [2, 2]]
    assert [0, 0, 1, 1] in uneven, "SAME padding of stride 2 pads one side only"


def test_the_classifier_stays_behind(thermal: onnx.ModelProto) -> None:
    assert not [t.name for t in thermal.graph.initializer if "classifier" in t.name]


def test_nothing_of_the_machine_that_thermal_it_stands_in_the_graph(
    thermal: onnx.ModelProto,
) -> None:
    written = list(texts(thermal))
    assert not [text for text in written if "/" in text or ".py" in text or "\\" in text]
    assert max(len(text) for text in written) < 100
    assert not thermal.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in thermal.graph.node)


def test_another_backbone_without_the_unit_is_written_too_and_tracing_leaves_it_alone(
    images: Images,
) -> None:
    torch.manual_seed(1)
    network = CCNet("resnet50", identities=5, normalisation="none")
    branch = network.branch(Modality.NIR)
    settle(branch, images[Modality.NIR], [branch]).train()
    before = {name: value.clone() for name, value in branch.state_dict().items()}
    graph = branch_graph(branch, SIDE, SIDE)
    assert branch.training
    assert all(parameter.requires_grad for parameter in branch.upper.parameters())
    assert all(torch.equal(before[name], value) for name, value in branch.state_dict().items())
    check_graph(graph, Modality.NIR)
    parity = compare(
        Modality.NIR, torch_embed(branch), graph_embed(graph), images[Modality.NIR], TIE
    )
    require_same_as_torch(parity)
