"""A plain service: FastAPI, Pillow and torch eager, a thread of FastAPI's pool for each request.

The network is the bundle's with random weights (PEER_BACKBONE names it), which takes the same time.
It needs this project's training room, and so runs in this project's environment. Run by
`uvicorn benchmarks.serving.peers.plain_torch:app`.
"""

from __future__ import annotations

import json
import os

import numpy as np
import torch
from fastapi import FastAPI, Response, UploadFile

from benchmarks.serving.peers.triplets import (
    MODALITIES,
    Preprocessing,
    bundle_directory,
    center,
    to_json,
)
from training.model import CCNet
from vreid.modality import Modality

app = FastAPI()
preprocessing = Preprocessing(bundle_directory())
network = CCNet(
    os.environ["PEER_BACKBONE"], image_size=(preprocessing.size[1], preprocessing.size[0])
).eval()


@app.get("/ready")
async def ready() -> Response:
    """Answers when the network is there."""
    return Response(json.dumps({"feature_size": network.feature_size}))


@app.post("/embed")
def embed(rgb: UploadFile, nir: UploadFile, tir: UploadFile) -> Response:
    """The center of three images."""
    features = []
    with torch.inference_mode():
        for name, upload in zip(MODALITIES, (rgb, nir, tir), strict=True):
            images = preprocessing.normalised(name, preprocessing.pixels(upload.file)[None])
            branch = network.branch(Modality(name))
            features.append(branch.embed(torch.from_numpy(images)).numpy())
    found = center(np.stack(features, axis=1))
    return Response(to_json(found[0]), media_type="application/json")
