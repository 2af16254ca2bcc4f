"""The bundles that are served: the shipped one, and a ResNet50 of random weights.

How fast a network runs does not depend on its weights. All three branches of the ResNet50 are one
network, quantised once, with every block in 8 bits: an upper bound of what a trained one does, of
which export leaves some blocks in float. The features mean nothing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from service.settings import SHIPPED_BUNDLE

BUILD = Path(__file__).parents[2] / "build" / "bench"

_HEIGHT, _WIDTH = 128, 256


@dataclass(frozen=True, slots=True)
class ServedBundle:
    """A bundle, and what it is called in tables and by the training room."""

    name: str
    directory: Path
    backbone: str


def shipped_bundle() -> ServedBundle:
    """The bundle that vreid ships with."""
    return ServedBundle("lite", SHIPPED_BUNDLE, "efficientnet_lite0")


def resnet50_bundle(build: Path = BUILD) -> ServedBundle:
    """The ResNet50, made on the first call, which takes a few minutes."""
    directory = build / "resnet50"
    if not (directory / "manifest.json").exists():
        making = build / "resnet50.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        _write(making)
        making.rename(directory)
    return ServedBundle("resnet50", directory, "resnet50")


def _write(directory: Path) -> None:
    """Write fp32 and int8 files and a manifest that also has bf16."""
    import onnx
    import torch

    from export.branch_graph import branch_graph, file_name, serialise
    from export.quantisation.activation_ranges import activation_ranges, measure_histograms
    from export.quantisation.int8_graph import int8_graph, quantisable_branch
    from export.reference_images import reference_images
    from training.model import CCNet
    from vreid.bundle import describe_file, write_manifest
    from vreid.manifest import FileEntry, Manifest, compute_fingerprint
    from vreid.modality import MODALITIES, Modality
    from vreid.preprocessing import Preprocessing
    from vreid.variant import Variant

    torch.manual_seed(0)
    network = CCNet("resnet50").eval()
    preprocessing = Preprocessing(_HEIGHT, _WIDTH)
    graph = branch_graph(network.branch(Modality.RGB), _HEIGHT, _WIDTH)
    pixels = reference_images([], preprocessing).pixels[Modality.RGB]
    branch = quantisable_branch(graph, preprocessing.normalisation[Modality.RGB], pixels)
    histograms = measure_histograms(branch.graph, branch.tensors(), pixels)
    eight_bits = int8_graph(branch, activation_ranges(histograms, "extremes"))
    graphs: dict[str, onnx.ModelProto] = {"fp32": graph, "int8": eight_bits}
    files: dict[str, dict[Modality, FileEntry]] = {}
    for precision, each in graphs.items():
        files[precision] = {}
        for modality in MODALITIES:
            name = file_name(modality)
            path = name if precision == "fp32" else name.replace(".onnx", f".{precision}.onnx")
            (directory / path).write_bytes(serialise(each))
            files[precision][modality] = describe_file(directory, path)
    manifest = Manifest(
        name="resnet50-random",
        version="1.0.0",
        modalities=MODALITIES,
        feature_size=network.feature_size,
        preprocessing=preprocessing,
        files={"fp32": files["fp32"]},
        precision="fp32",
        fingerprint=compute_fingerprint(
            {modality: entry.sha256 for modality, entry in files["fp32"].items()},
            preprocessing,
            network.feature_size,
        ),
        provenance={"data": "random weights, for measuring speed"},
    )
    write_manifest(
        directory,
        replace(manifest, files=files, variants={"int8": Variant("int8"), "bf16": Variant("fp32")}),
    )
