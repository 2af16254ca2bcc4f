"""BentoML: a service that decodes, and behind it one that embeds with adaptive batching.

Run by `bentoml serve benchmarks.serving.peers.bentoml_service:Triplets`.
"""

from __future__ import annotations

import asyncio
import os

import aiohttp
import bentoml
import numpy as np
from PIL import Image

from benchmarks.serving.peers.triplets import (
    OnnxBranches,
    Preprocessing,
    bundle_directory,
)

WORKERS = int(os.environ.get("PEER_WORKERS", "2"))
BATCH = int(os.environ.get("PEER_BATCH", "8"))


@bentoml.service(workers=WORKERS, traffic={"timeout": 60})
class Branches:
    """The networks; requests are put together for as long as that does not slow them."""

    def __init__(self) -> None:
        self.branches = OnnxBranches(bundle_directory())

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=60_000)  # type: ignore[untyped-decorator, unused-ignore]
    def centers(self, triplets: np.ndarray) -> np.ndarray:
        """Centers (N, D) of triplets (N, 3, H, W, 3)."""
        return self.branches.centers(triplets)


@bentoml.service(workers=1, traffic={"timeout": 60})
class Triplets:
    """Three parts of a form in, the center out."""

    branches = bentoml.depends(Branches)

    def __init__(self) -> None:
        self.preprocessing = Preprocessing(bundle_directory())

    @bentoml.api  # type: ignore[untyped-decorator, unused-ignore]
    async def embed(
        self, rgb: Image.Image, nir: Image.Image, tir: Image.Image
    ) -> dict[str, list[float]]:
        """The center of three images."""
        # Not on the event loop, which receives the other requests meanwhile.
        triplet = await asyncio.to_thread(self._triplet, (rgb, nir, tir))
        try:
            found = await self.branches.to_async.centers(triplet)
        except aiohttp.ServerDisconnectedError:
            # BentoML takes connections from its pool that the other service has just closed.
            found = await self.branches.to_async.centers(triplet)
        return {"center": found[0].tolist()}

    def _triplet(self, images: tuple[Image.Image, ...]) -> np.ndarray:
        return np.stack([self.preprocessing.resized(image) for image in images])[None]
