"""LitServe: decoding, batches and ONNX Runtime in a worker for each processor, as its docs advise.

Run by `python -m benchmarks.serving.peers.litserve_service`; PEER_PORT is where it listens.
LitServe reads the annotations of `decode_request`, which therefore must be types and no texts.
"""

import os
from typing import Any

import litserve
import numpy as np
from fastapi import Request, Response
from numpy.typing import NDArray

from benchmarks.serving.peers.triplets import (
    MODALITIES,
    OnnxBranches,
    bundle_directory,
    to_json,
)

WORKERS = int(os.environ.get("PEER_WORKERS", "2"))
BATCH = int(os.environ.get("PEER_BATCH", "8"))
BATCH_SECONDS = float(os.environ.get("PEER_BATCH_SECONDS", "0.005"))


class TripletApi(litserve.LitAPI):  # type: ignore[misc, unused-ignore]
    """Three parts of a form in, the center out."""

    def setup(self, device: str) -> None:
        """Load the networks, in each worker."""
        self.branches = OnnxBranches(bundle_directory())

    def decode_request(self, request: Request) -> NDArray[np.uint8]:
        """Pixels (3, H, W, 3); of a request with a form, LitServe hands over the form."""
        form: Any = request
        files = [form[name].file for name in MODALITIES]
        return np.stack([self.branches.preprocessing.pixels(file) for file in files])

    def batch(self, inputs: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Put samples together."""
        return np.stack(inputs)

    def predict(self, triplets: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch."""
        if triplets.ndim == 4:
            return self.branches.centers(triplets[None])
        return self.branches.centers(triplets)

    def unbatch(self, output: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take the batch apart."""
        return list(output)

    def encode_response(self, output: NDArray[np.float32]) -> Response:
        """Serialise in the worker."""
        vector = output[0] if output.ndim == 2 else output
        return Response(to_json(vector), media_type="application/json")


def main() -> None:
    """Serve until told to stop."""
    api = TripletApi(max_batch_size=BATCH, batch_timeout=BATCH_SECONDS)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=WORKERS, timeout=60, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
