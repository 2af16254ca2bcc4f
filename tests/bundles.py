"""A tiny real bundle for tests: three small networks whose features depend on the image.

Each branch is a strided convolution with random weights, tanh, global average pooling and an
affine 1 x 1 convolution, as an ONNX file of a few kilobytes. Equal seeds give equal files and
fingerprints.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vreid.bundle import Bundle, describe_file, write_manifest
from vreid.calibration import Calibration, CalibrationTable
from vreid.manifest import Manifest, compute_fingerprint
from vreid.modality import MODALITIES
from vreid.preprocessing import Preprocessing

_KERNEL = 4


def make_tiny_bundle(
    directory: Path,
    feature_size: int = 16,
    *,
    height: int = 32,
    width: int = 32,
    seed: int = 0,
    auto_policy: str = "shared",
    calibrated: bool = True,
) -> Bundle:
    """Write a bundle into `directory` (made if absent) and load it.

    Args:
        directory: where the bundle goes.
        feature_size: D.
        height: of the input, in pixels.
        width: of the input, in pixels.
        seed: of the weights; another seed is another model with another fingerprint.
        auto_policy: what the policy auto stands for.
        calibrated: whether the manifest holds probabilities for every policy.
    """
    directory.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    files = {}
    for modality in MODALITIES:
        path = f"{modality}.onnx"
        onnx.save(_branch(generator, feature_size, height, width), directory / path)
        files[modality] = describe_file(directory, path)
    preprocessing = Preprocessing(height, width)
    write_manifest(
        directory,
        Manifest(
            name="tiny",
            version=f"0.{seed}",
            modalities=MODALITIES,
            feature_size=feature_size,
            preprocessing=preprocessing,
            files={"fp32": files},
            precision="fp32",
            fingerprint=compute_fingerprint(
                {modality: entry.sha256 for modality, entry in files.items()},
                preprocessing,
                feature_size,
            ),
            provenance={"data": "random weights, for tests"},
            calibration=_calibration() if calibrated else None,
            auto_policy=auto_policy,
        ),
    )
    return Bundle.load(directory)


def _branch(
    generator: np.random.Generator, feature_size: int, height: int, width: int
) -> onnx.ModelProto:
    kernel = generator.normal(0, 0.4, (feature_size, 3, _KERNEL, _KERNEL))
    weights = {
        "kernel": kernel,
        "kernel_bias": generator.normal(0, 0.2, feature_size),
        "mixing": generator.normal(0, 2, (feature_size, feature_size, 1, 1)),
        "mixing_bias": generator.normal(0, 0.1, feature_size),
    }
    nodes = [
        helper.make_node(
            "Conv",
            ["images", "kernel", "kernel_bias"],
            ["responses"],
            kernel_shape=[_KERNEL, _KERNEL],
            strides=[_KERNEL, _KERNEL],
        ),
        helper.make_node("Tanh", ["responses"], ["activations"]),
        helper.make_node("GlobalAveragePool", ["activations"], ["pooled"]),
        # A convolution and not a Gemm: it works image by image, so a row's features are the same
        # to the last bit in a batch of any size.
        helper.make_node(
            "Conv", ["pooled", "mixing", "mixing_bias"], ["mixed"], kernel_shape=[1, 1]
        ),
        helper.make_node("Flatten", ["mixed"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "branch",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, height, width])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", feature_size])],
        [_initializer(name, values) for name, values in weights.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests"
    )
    onnx.checker.check_model(model)
    return model


def _initializer(name: str, values: NDArray[np.float64]) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def _calibration() -> Calibration:
    """General tables in which one cosine means different probabilities."""
    return Calibration(
        {
            "shared": CalibrationTable((-1.0, 0.2, 0.9, 1.0), (0.0, 0.05, 0.95, 1.0)),
            "center": CalibrationTable((-1.0, 0.5, 1.0), (0.0, 0.1, 0.6)),
        }
    )
