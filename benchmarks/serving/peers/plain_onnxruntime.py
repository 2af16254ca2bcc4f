"""A plain service: FastAPI, Pillow and ONNX Runtime, a thread of FastAPI's pool for each request.

Run by `uvicorn benchmarks.serving.peers.plain_onnxruntime:app`.
"""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI, Response, UploadFile

from benchmarks.serving.peers.triplets import OnnxBranches, bundle_directory, to_json

app = FastAPI()
branches = OnnxBranches(bundle_directory())


@app.get("/ready")
async def ready() -> Response:
    """Answers when the networks are loaded."""
    return Response()


@app.post("/embed")
def embed(rgb: UploadFile, nir: UploadFile, tir: UploadFile) -> Response:
    """The center of three images."""
    pixels = [branches.preprocessing.pixels(each.file) for each in (rgb, nir, tir)]
    found = branches.centers(np.stack(pixels)[None])
    return Response(to_json(found[0]), media_type="application/json")
