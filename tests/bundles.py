"""A tiny real bundle for tests: three small networks whose features depend on the image.

Each branch is a strided convolution with random weights, tanh, global average pooling and an
affine 1 x 1 convolution, as an ONNX file of a few kilobytes. Equal seeds give equal files and
fingerprints.

With ``variants`` there are a real int8 file of each branch, which takes uint8 pixels, and bf16,
which runs the files of fp32. Their losses and speeds are made up.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vreid.bundle import Bundle, describe_file, write_manifest
from vreid.calibration import Calibration, CalibrationTable
from vreid.manifest import Manifest, compute_fingerprint
from vreid.modality import MODALITIES
from vreid.preprocessing import IMAGENET, Preprocessing
from vreid.variant import MeasuredOn, Variant, VariantMap

_KERNEL = 4

_TANH_SCALE, _TANH_ZERO = 2 / 255, 128
"""uint8 steps over [-1, 1]."""


def make_tiny_bundle(
    directory: Path,
    feature_size: int = 16,
    *,
    height: int = 32,
    width: int = 32,
    seed: int = 0,
    auto_policy: str = "shared",
    calibrated: bool = True,
    variants: bool = False,
    fp16: bool = False,
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
        variants: whether it has int8 and bf16, too.
        fp16: whether it has fp16, too, of files that take uint8 pixels.
    """
    directory.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    files, int8_files, fp16_files = {}, {}, {}
    for modality in MODALITIES:
        path = f"{modality}.onnx"
        weights = _weights(generator, feature_size)
        onnx.save(_branch(weights, height, width), directory / path)
        files[modality] = describe_file(directory, path)
        if variants:
            path = f"{modality}.int8.onnx"
            onnx.save(_int8_branch(weights, height, width), directory / path)
            int8_files[modality] = describe_file(directory, path)
        if fp16:
            path = f"{modality}.fp16.onnx"
            onnx.save(_fp16_branch(weights, height, width), directory / path)
            fp16_files[modality] = describe_file(directory, path)
    preprocessing = Preprocessing(height, width)
    write_manifest(
        directory,
        Manifest(
            name="tiny",
            version=f"0.{seed}",
            modalities=MODALITIES,
            feature_size=feature_size,
            preprocessing=preprocessing,
            files={
                "fp32": files,
                **({"int8": int8_files} if variants else {}),
                **({"fp16": fp16_files} if fp16 else {}),
            },
            precision="fp32",
            fingerprint=compute_fingerprint(
                {modality: entry.sha256 for modality, entry in files.items()},
                preprocessing,
                feature_size,
            ),
            provenance={"data": "random weights, for tests"},
            calibration=_calibration() if calibrated else None,
            auto_policy=auto_policy,
            variants={
                **(_variants() if variants else {}),
                **({"fp16": replace(_variants()["int8"], files_of="fp16")} if fp16 else {}),
            },
        ),
    )
    return Bundle.load(directory)


def _variants() -> dict[str, Variant]:
    on = MeasuredOn("onnxruntime-cpu", "made up", "R+N+T")
    return {
        "int8": Variant("int8", {on: VariantMap(0.9, 0.898, 0.899)}, 0.2),
        "bf16": Variant("fp32", {on: VariantMap(0.9, 0.9, 0.9)}, 0.0),
    }


def _weights(generator: np.random.Generator, feature_size: int) -> dict[str, NDArray[np.float32]]:
    drawn = {
        "kernel": generator.normal(0, 0.4, (feature_size, 3, _KERNEL, _KERNEL)),
        "kernel_bias": generator.normal(0, 0.2, feature_size),
        "mixing": generator.normal(0, 2, (feature_size, feature_size, 1, 1)),
        "mixing_bias": generator.normal(0, 0.1, feature_size),
    }
    return {name: values.astype(np.float32) for name, values in drawn.items()}


def _branch(weights: dict[str, NDArray[np.float32]], height: int, width: int) -> onnx.ModelProto:
    nodes = [
        _first_convolution("images"),
        helper.make_node("Tanh", ["responses"], ["activations"]),
        *_rest("activations", "mixing"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, height, width])
    return _model(nodes, images, weights)


def _int8_branch(
    weights: dict[str, NDArray[np.float32]], height: int, width: int
) -> onnx.ModelProto:
    """The same of uint8 pixels (N, H, W, 3), with a quantised second convolution."""
    largest = np.abs(weights["mixing"]).max(axis=(1, 2, 3))
    scale = (largest / 127).astype(np.float32)
    constants = {
        **{name: values for name, values in weights.items() if name != "mixing"},
        "mean": 255 * np.array(IMAGENET.mean, dtype=np.float32).reshape(1, 3, 1, 1),
        "deviation": 255 * np.array(IMAGENET.std, dtype=np.float32).reshape(1, 3, 1, 1),
        "tanh_scale": np.float32(_TANH_SCALE),
        "tanh_zero": np.uint8(_TANH_ZERO),
        "mixing_scale": scale,
        "mixing_int8": np.rint(weights["mixing"] / scale[:, None, None, None]).astype(np.int8),
    }
    step = ["tanh_scale", "tanh_zero"]
    nodes = [
        helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["levels", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "deviation"], ["normalised"]),
        _first_convolution("normalised"),
        helper.make_node("Tanh", ["responses"], ["activations"]),
        helper.make_node("QuantizeLinear", ["activations", *step], ["activations_uint8"]),
        helper.make_node("DequantizeLinear", ["activations_uint8", *step], ["quantised"]),
        helper.make_node(
            "DequantizeLinear", ["mixing_int8", "mixing_scale"], ["mixing_restored"], axis=0
        ),
        *_rest("quantised", "mixing_restored"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", height, width, 3])
    return _model(nodes, images, constants)


def _fp16_branch(
    weights: dict[str, NDArray[np.float32]], height: int, width: int
) -> onnx.ModelProto:
    """The same of uint8 pixels (N, H, W, 3), computed in float16."""
    constants: dict[str, NDArray[np.generic]] = {
        **{name: values.astype(np.float16) for name, values in weights.items()},
        "mean": 255 * np.array(IMAGENET.mean, dtype=np.float32).reshape(1, 3, 1, 1),
        "deviation": 255 * np.array(IMAGENET.std, dtype=np.float32).reshape(1, 3, 1, 1),
    }
    nodes = [
        helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["levels", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "deviation"], ["scaled"]),
        helper.make_node("Cast", ["scaled"], ["normalised"], to=TensorProto.FLOAT16),
        _first_convolution("normalised"),
        helper.make_node("Tanh", ["responses"], ["activations"]),
        *_rest("activations", "mixing")[:-1],
        helper.make_node("Flatten", ["mixed"], ["halves"]),
        helper.make_node("Cast", ["halves"], ["features"], to=TensorProto.FLOAT),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", height, width, 3])
    return _model(nodes, images, constants)


def _first_convolution(images: str) -> onnx.NodeProto:
    return helper.make_node(
        "Conv",
        [images, "kernel", "kernel_bias"],
        ["responses"],
        kernel_shape=[_KERNEL, _KERNEL],
        strides=[_KERNEL, _KERNEL],
    )


def _rest(activations: str, mixing: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("GlobalAveragePool", [activations], ["pooled"]),
        # A convolution and not a Gemm: it works image by image, so a row's features are the same
        # to the last bit in a batch of any size.
        helper.make_node("Conv", ["pooled", mixing, "mixing_bias"], ["mixed"], kernel_shape=[1, 1]),
        helper.make_node("Flatten", ["mixed"], ["features"]),
    ]


def _model(
    nodes: list[onnx.NodeProto],
    images: onnx.ValueInfoProto,
    constants: Mapping[str, NDArray[np.generic]],
) -> onnx.ModelProto:
    size = len(constants["mixing_bias"])
    graph = helper.make_graph(
        nodes,
        "branch",
        [images],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", size])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests"
    )
    onnx.checker.check_model(model)
    return model


def _calibration() -> Calibration:
    """General tables in which one cosine means different probabilities."""
    return Calibration(
        {
            "shared": CalibrationTable((-1.0, 0.2, 0.9, 1.0), (0.0, 0.05, 0.95, 1.0)),
            "center": CalibrationTable((-1.0, 0.5, 1.0), (0.0, 0.1, 0.6)),
        }
    )
