"""One branch of CCNet as one ONNX graph: images in, features after the neck out."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator

import onnx
import torch
from torch import Tensor, nn

from export.errors import GraphError
from training.model import Branch, CCNet
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing

OPSET = 18
"""ONNX operator set. Torch's exporter writes it natively, so that no version converter rewrites the
graph, and every runtime that vreid names (ONNX Runtime, OpenVINO, TensorRT) reads it."""

INTERMEDIATE_REPRESENTATION = 8
"""ONNX file format version that came with operator set 18."""

INPUT = "images"
OUTPUT = "features"
BATCH = "N"

TRACED_BATCH = 2
"""Images in the traced batch; torch specialises a graph on a batch of one."""


def file_name(modality: Modality) -> str:
    """Name of the modality's file inside a bundle, such as ``rgb.onnx``."""
    return f"{modality.value}.onnx"


class _Embedding(nn.Module):
    """A branch seen as the function that the file holds: ``branch.embed``."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, images: Tensor) -> Tensor:
        return self.branch.embed(images)


def embedding_of(branch: Branch) -> nn.Module:
    """A copy of the branch on the CPU, in eval mode, float32, that maps (n, 3, H, W) to (n, D)."""
    embedding = _Embedding(copy.deepcopy(branch)).cpu().float().eval()
    for module in embedding.modules():
        # Decomposing an in-place activation costs the tracer 70 ms each and changes no number.
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    return embedding.requires_grad_(False)


def branch_graph(branch: Branch, height: int, width: int) -> onnx.ModelProto:
    """Trace ``branch.embed`` at a fixed image size and a free batch size.

    Input ``images`` (N, 3, height, width) float32, output ``features`` (N, D) float32. Batch
    normalisations that follow a convolution are folded into it and padding is static. The same
    weights give the same bytes: see `portable`.

    Raises GraphError when the graph that comes out isn't of that form.
    """
    embedding = embedding_of(branch)
    images = torch.zeros(TRACED_BATCH, 3, height, width)
    with torch.no_grad(), _quiet_exporter():
        program = torch.onnx.export(
            embedding,
            (images,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim(BATCH, min=1)},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise GraphError("torch.onnx.export returned no graph; check the installed torch version")
    graph = portable(program.model_proto)
    _require_form(graph, height, width)
    return graph


def branch_graphs(network: CCNet, preprocessing: Preprocessing) -> dict[Modality, onnx.ModelProto]:
    """Every branch's graph at the preprocessing's image size; errors as `branch_graph`."""
    return {
        modality: branch_graph(network.branch(modality), preprocessing.height, preprocessing.width)
        for modality in MODALITIES
    }


def portable(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that holds the computation and nothing of the machine that traced it.

    The exporter writes stack traces with file paths, the printed program and shape symbols beside
    each node. All of it goes, nodes are numbered afresh and initialisers sorted by name, so that
    the same weights give the same bytes on every machine with the same versions.
    """
    graph = model.graph
    clean = onnx.ModelProto(
        ir_version=INTERMEDIATE_REPRESENTATION,
        producer_name="vreid",
        opset_import=[onnx.helper.make_opsetid("", OPSET)],
    )
    clean.graph.name = "branch"
    clean.graph.input.append(_tensor_of(graph.input[0]))
    clean.graph.output.append(_tensor_of(graph.output[0]))
    for number, node in enumerate(graph.node):
        copied = clean.graph.node.add()
        copied.CopyFrom(node)
        copied.name = f"{node.op_type}_{number}"
        copied.ClearField("doc_string")
        copied.ClearField("metadata_props")
        _forget_training(copied)
    for initialiser in sorted(graph.initializer, key=lambda tensor: tensor.name):
        copied_tensor = clean.graph.initializer.add()
        copied_tensor.CopyFrom(initialiser)
        copied_tensor.ClearField("doc_string")
        copied_tensor.ClearField("metadata_props")
    return clean


def serialise(model: onnx.ModelProto) -> bytes:
    """The file's bytes; equal graphs give equal bytes."""
    return bytes(model.SerializeToString(deterministic=True))


def _forget_training(node: onnx.NodeProto) -> None:
    """Drop the momentum of running statistics, which changes the bytes and no result."""
    if node.op_type == "BatchNormalization":
        kept = [attribute for attribute in node.attribute if attribute.name != "momentum"]
        del node.attribute[:]
        node.attribute.extend(kept)


def _tensor_of(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    dimensions = value.type.tensor_type.shape.dim
    sizes = [BATCH, *(dimension.dim_value for dimension in dimensions[1:])]
    return onnx.helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, sizes)


def _require_form(model: onnx.ModelProto, height: int, width: int) -> None:
    image_sizes = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    if image_sizes != [3, height, width]:
        raise GraphError(f"the graph takes images of {image_sizes}, not {[3, height, width]}")
    if len(model.graph.output[0].type.tensor_type.shape.dim) != 2:
        raise GraphError("the graph's output is not (N, D); embed must return the neck's output")
    foreign = {node.domain for node in model.graph.node} - {""}
    if foreign:
        raise GraphError(f"the graph uses operators outside ONNX's own set: {sorted(foreign)}")


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence what the exporter says about itself; what concerns the graph is checked after."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
