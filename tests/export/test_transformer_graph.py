"""A vision transformer's branch becomes an ONNX graph too."""

import pytest
import torch

from export.branch_graph import branch_graph
from export.parity import check_graph, compare, graph_embed, torch_embed
from export.tolerances import TIE, require_same_as_torch
from training.model import CCNet
from vreid.modality import Modality


@pytest.mark.parametrize("pooling", ["class", "both"])
def test_the_graph_of_oblong_images_agrees_with_torch_at_every_batch_size(pooling: str) -> None:
    torch.manual_seed(0)
    network = CCNet("vit_tiny", image_size=(32, 64), pooling=pooling)  # type: ignore[arg-type]
    branch = network.branch(Modality.NIR).eval()
    images = torch.rand(24, 3, 32, 64).numpy()
    graph = branch_graph(branch, 32, 64)
    check_graph(graph, Modality.NIR)
    parity = compare(Modality.NIR, torch_embed(branch), graph_embed(graph), images, TIE)
    require_same_as_torch(parity)
    # Nothing interpolates when images pass.
    assert "Resize" not in {node.op_type for node in graph.graph.node}
