"""The service that one writes first: FastAPI, Pillow, numpy and three ONNX Runtime sessions.

Nothing is tuned: files are decoded whole, sessions have their default options, and FastAPI makes
the JSON. It shares no code with the other peers but for what tells it what to serve. Run by
`uvicorn benchmarks.serving.peers.plain_defaults:app`.
"""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
from fastapi import FastAPI, UploadFile
from PIL import Image

from benchmarks.serving.peers.triplets import PRECISION, bundle_directory, session_options

directory = bundle_directory()
manifest = json.loads((directory / "manifest.json").read_text())
size = (manifest["preprocessing"]["width"], manifest["preprocessing"]["height"])
normalisation = manifest["preprocessing"]["normalisation"]
sessions = {
    name: onnxruntime.InferenceSession(str(directory / file["path"]), session_options())
    for name, file in manifest["files"][PRECISION].items()
}

app = FastAPI()


@app.get("/ready")
def ready() -> dict[str, bool]:
    """Answers when the networks are loaded."""
    return {"ready": True}


@app.post("/embed")
def embed(rgb: UploadFile, nir: UploadFile, tir: UploadFile) -> dict[str, list[float]]:
    """The center of three images."""
    features = []
    for name, upload in (("rgb", rgb), ("nir", nir), ("tir", tir)):
        image = Image.open(upload.file).convert("RGB").resize(size, Image.Resampling.BILINEAR)
        session = sessions[name]
        if "uint8" in session.get_inputs()[0].type:
            images = np.asarray(image)[None]
        else:
            mean = np.array(normalisation[name]["mean"], np.float32)
            std = np.array(normalisation[name]["std"], np.float32)
            pixels = (np.asarray(image, np.float32) / 255 - mean) / std
            images = pixels.transpose(2, 0, 1)[None]
        features.append(session.run(None, {"images": images})[0][0])
    mean_feature = np.mean(features, axis=0)
    return {"center": (mean_feature / np.linalg.norm(mean_feature)).tolist()}
