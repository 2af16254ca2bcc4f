"""One triplet and a second of the engine alone, by engine and precision, beside torch eager."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from benchmarks.serving.bundles import ServedBundle
from benchmarks.serving.settings import BenchSettings, open_served
from service.bench.in_process import load_samples, pixels_of
from service.bench.raw_engine import Images, best_throughput, triplet_latency
from service.bench.samples import complete_triplets
from vreid.engines import BranchEngine
from vreid.errors import VreidError
from vreid.modality import Modality

TORCH = "torch eager, fp32"
CHOICES = (
    ("onnxruntime-cpu", "fp32"),
    ("openvino-cpu", "fp32"),
    ("openvino-cpu", "bf16"),
    ("onnxruntime-cpu", "int8"),
    ("openvino-cpu", "int8"),
)


def measure_precisions(settings: BenchSettings, served: ServedBundle) -> dict[str, Any]:
    """Milliseconds of a triplet and triplets a second; all take turns, twice."""
    engines: dict[str, BranchEngine] = {}
    # As torch does, all processors for one run: the shortest time of a lone triplet.
    alone: dict[str, BranchEngine] = {}
    absent: dict[str, str] = {}
    for name, precision in CHOICES:
        try:
            engines[f"{name}, {precision}"] = open_served(served, name, precision)[1]
            alone[f"{name}, {precision}"] = open_served(served, name, precision, lanes=1)[1]
        except VreidError as error:
            absent[f"{name}, {precision}"] = str(error)
    bundle, _ = open_served(served, "onnxruntime-cpu", "fp32")
    images = pixels_of(bundle, load_samples(complete_triplets()[:32]))
    torch_triplet = _TorchTriplet(served, images)
    seconds = settings.seconds / 4
    latencies: dict[str, list[float]] = {name: [] for name in (TORCH, *engines)}
    rates: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(settings.rounds):
        latencies[TORCH].append(torch_triplet.latency(seconds))
        for name, engine in engines.items():
            latencies[name].append(triplet_latency(alone[name], images, seconds))
            figures = best_throughput(engine, images, seconds)
            rates[name].append(figures.triplets_per_second)
    milliseconds = {name: 1000 * statistics.median(each) for name, each in latencies.items()}
    per_second = {name: statistics.median(each) for name, each in rates.items()}
    # Eager torch uses every processor for one triplet: what it does in a second follows from it.
    per_second[TORCH] = 1000 / milliseconds[TORCH]
    return {"milliseconds": milliseconds, "per_second": per_second, "absent": absent}


class _TorchTriplet:
    """The network of the same architecture in eager torch."""

    def __init__(self, served: ServedBundle, images: Images) -> None:
        import torch

        from training.model import CCNet

        self._torch = torch
        height, width = next(iter(images.values())).shape[1:3]
        self._network = CCNet(served.backbone, image_size=(height, width)).eval()
        self._images = {
            modality: torch.from_numpy(
                np.ascontiguousarray(pixels[:1].transpose(0, 3, 1, 2)).astype(np.float32) / 255
            )
            for modality, pixels in images.items()
        }

    def latency(self, seconds: float) -> float:
        """Median seconds of one triplet."""
        until = time.perf_counter() + seconds
        self._run()
        latencies: list[float] = []
        while time.perf_counter() < until or not latencies:
            started = time.perf_counter()
            self._run()
            latencies.append(time.perf_counter() - started)
        return statistics.median(latencies)

    def _run(self) -> None:
        with self._torch.inference_mode():
            for modality, image in self._images.items():
                self._network.branch(Modality(modality)).embed(image)
