"""A tiny bundle whose networks take so long that embedding is what the service does most."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.bundles import make_tiny_bundle
from vreid.bundle import Bundle, describe_file, write_manifest
from vreid.manifest import compute_fingerprint

_SIDE = 128
_CHANNELS = 64
_LAYERS = 20


def make_slow_bundle(directory: Path) -> Bundle:
    """Write the bundle: each branch does about 0.75 GMAC an image, some 20 ms of one processor."""
    bundle = make_tiny_bundle(directory, _CHANNELS, height=_SIDE, width=_SIDE)
    manifest = bundle.manifest
    files = {}
    for modality, entry in manifest.files["fp32"].items():
        network = onnx.load(directory / entry.path)
        _deepen(network)
        onnx.save(network, directory / entry.path)
        files[modality] = describe_file(directory, entry.path)
    hashes = {modality: entry.sha256 for modality, entry in files.items()}
    fingerprint = compute_fingerprint(hashes, manifest.preprocessing, manifest.feature_size)
    write_manifest(directory, replace(manifest, files={"fp32": files}, fingerprint=fingerprint))
    return Bundle.load(directory)


def _deepen(network: onnx.ModelProto) -> None:
    """Put 3 x 3 convolutions, all of the same weights, behind the first activation."""
    graph = network.graph
    first = next(node for node in graph.node if node.op_type == "Tanh")
    entering, leaving = "deep_0", first.output[0]
    first.output[0] = entering
    generator = np.random.default_rng(0)
    kernel = generator.normal(0, (9 * _CHANNELS) ** -0.5, (_CHANNELS, _CHANNELS, 3, 3))
    graph.initializer.append(numpy_helper.from_array(kernel.astype(np.float32), "deep_kernel"))
    place = list(graph.node).index(first) + 1
    for layer in range(_LAYERS):
        last = layer == _LAYERS - 1
        node = helper.make_node(
            "Conv",
            [f"deep_{layer}", "deep_kernel"],
            [leaving if last else f"deep_{layer + 1}"],
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
        )
        graph.node.insert(place + layer, node)
    onnx.checker.check_model(network)
