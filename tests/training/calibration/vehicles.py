"""Made-up embedded vehicles whose modalities tell them apart more or less."""

from __future__ import annotations

import numpy as np

from training.embedded import EmbeddedDataset, EmbeddedSamples
from vreid.metrics import Labels


def vehicles(noise: tuple[float, float, float], seed: int = 0, count: int = 40) -> EmbeddedDataset:
    """Vehicles seen twice; the larger a modality's noise, the less it tells them apart."""
    random = np.random.default_rng(seed)
    looks = random.normal(size=(count, 3, 16))
    sides = []
    for _ in range(2):
        seen = looks + np.array(noise)[:, None] * random.normal(size=looks.shape)
        seen /= np.linalg.norm(seen, axis=2, keepdims=True)
        mask = np.ones((count, 3), dtype=np.bool_)
        sides.append(EmbeddedSamples(seen.astype(np.float32), mask, Labels(np.arange(count))))
    return EmbeddedDataset("made up", sides[0], sides[1], None)
