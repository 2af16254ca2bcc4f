"""Embedding in the own process: decoding, resizing and the engine, but no HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from service.bench.raw_engine import Images
from vreid.bundle import Bundle
from vreid.embedding import branch_inputs, embed
from vreid.engines import BranchEngine
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample


def load_samples(paths: Sequence[Mapping[str, Path]]) -> list[Sample]:
    """Samples whose encoded images are in memory."""
    return [
        Sample(images={Modality(name): path.read_bytes() for name, path in sample.items()})
        for sample in paths
    ]


def pixels_of(bundle: Bundle, samples: Sequence[Sample]) -> Images:
    """The branch pixels (N, H, W, 3) of complete samples."""
    inputs = [branch_inputs(sample, bundle.manifest.preprocessing) for sample in samples]
    return {
        modality: np.stack([each[modality] for each in inputs])
        for modality in MODALITIES
        if modality in bundle.manifest.modalities
    }


def embedder_throughput(
    bundle: Bundle, engine: BranchEngine, samples: Sequence[Sample], seconds: float
) -> float:
    """Samples a second, from encoded files to features, one thread for each lane."""
    preprocessing, size = bundle.manifest.preprocessing, bundle.manifest.feature_size
    done = [0] * engine.lanes
    started = time.perf_counter()

    def keep_embedding(lane: int) -> None:
        number = lane
        while time.perf_counter() - started < seconds:
            sample = samples[number % len(samples)]
            embed([branch_inputs(sample, preprocessing)], engine, size)
            done[lane] += 1
            number += engine.lanes

    threads = [
        threading.Thread(target=keep_embedding, args=(lane,)) for lane in range(engine.lanes)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sum(done) / (time.perf_counter() - started)
