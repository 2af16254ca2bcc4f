"""What every peer does with a triplet: Pillow, ONNX Runtime on the bundle's files, the center.

PEER_BUNDLE is the bundle's directory, PEER_PRECISION which of its files (by default fp32),
PEER_THREADS the threads of each ONNX Runtime session (by default as ONNX Runtime chooses), and
PEER_SPINNING=0 keeps its threads from spinning.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
import onnxruntime
import orjson
from numpy.typing import NDArray
from PIL import Image

MODALITIES = ("rgb", "nir", "tir")
PRECISION = os.environ.get("PEER_PRECISION", "fp32")


class Preprocessing:
    """A bundle's input size and normalisation."""

    def __init__(self, bundle: Path) -> None:
        values = json.loads((bundle / "manifest.json").read_text())["preprocessing"]
        self.size = (values["width"], values["height"])
        # Mean and deviation as multiplication and addition, in float32.
        self.scale: dict[str, NDArray[np.float32]] = {}
        self.shift: dict[str, NDArray[np.float32]] = {}
        for name in MODALITIES:
            mean, std = (np.array(values["normalisation"][name][key]) for key in ("mean", "std"))
            self.scale[name] = (1 / (255 * std)).astype(np.float32)
            self.shift[name] = (-mean / std).astype(np.float32)

    def pixels(self, file: IO[bytes]) -> NDArray[np.uint8]:
        """An encoded image, decoded and resized: (H, W, 3)."""
        return self.resized(Image.open(file))

    def resized(self, image: Image.Image) -> NDArray[np.uint8]:
        """A Pillow image, resized: (H, W, 3)."""
        # Decodes a JPEG at a smaller scale where that is enough.
        image.draft("RGB", self.size)
        return np.asarray(image.convert("RGB").resize(self.size, Image.Resampling.BILINEAR))

    def normalised(self, name: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels (N, H, W, 3) as a network's input (N, 3, H, W)."""
        scaled = pixels * self.scale[name] + self.shift[name]
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


class OnnxBranches:
    """One session for each modality."""

    def __init__(self, bundle: Path) -> None:
        self.preprocessing = Preprocessing(bundle)
        files = json.loads((bundle / "manifest.json").read_text())["files"][PRECISION]
        self.sessions = {
            name: onnxruntime.InferenceSession(
                str(bundle / files[name]["path"]),
                session_options(),
                providers=["CPUExecutionProvider"],
            )
            for name in MODALITIES
        }

    def centers(self, triplets: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Centers (N, D), of length 1, of triplets (N, 3, H, W, 3)."""
        features = [
            self.sessions[name].run(None, {"images": self._images(name, triplets[:, index])})[0]
            for index, name in enumerate(MODALITIES)
        ]
        return center(np.stack(features, axis=1))

    def _images(self, name: str, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """What the file takes: pixels, or normalised images."""
        if "uint8" in self.sessions[name].get_inputs()[0].type:
            return np.ascontiguousarray(pixels)
        return self.preprocessing.normalised(name, pixels)


def center(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of three features (N, 3, D), of length 1."""
    mean = features.mean(axis=1)
    normalised: NDArray[np.float32] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return normalised


def session_options() -> onnxruntime.SessionOptions:
    """As the variables say."""
    options = onnxruntime.SessionOptions()
    if threads := os.environ.get("PEER_THREADS"):
        options.intra_op_num_threads = int(threads)
    if os.environ.get("PEER_SPINNING") == "0":
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def bundle_directory() -> Path:
    """The bundle to serve."""
    return Path(os.environ["PEER_BUNDLE"])


def to_json(vector: NDArray[np.float32]) -> bytes:
    """The answer's body."""
    answer: dict[str, Any] = {"center": np.ascontiguousarray(vector)}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
