"""Embedded data sets without images: random features about an identity's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.embedded import EmbeddedDataset, EmbeddedSamples
from vreid.calibration import Calibration, CalibrationTable
from vreid.embedding import round_to_stored
from vreid.metrics import Junk, Labels

CALIBRATION = Calibration(
    {
        "shared": CalibrationTable((-1.0, 0.2, 1.0), (0.0, 0.1, 0.9)),
        "shared:rgb": CalibrationTable((-1.0, 0.5, 1.0), (0.0, 0.2, 0.7)),
        "center": CalibrationTable((-1.0, 0.6, 1.0), (0.0, 0.3, 0.8)),
    }
)


def random_samples(
    identities: int,
    each: int = 3,
    seed: int = 0,
    noise: float = 1.0,
    complete: bool = True,
    size: int = 8,
    directory: Path | None = None,
) -> EmbeddedSamples:
    """Samples of identities 0, 1, ..., every sample in a scene of its own.

    Args:
        identities: how many.
        each: samples of each.
        seed: of the noise and the mask; the identities' own features are always the same.
        noise: deviation of a sample from its identity.
        complete: whether every sample has all modalities, else any that is not empty.
        size: D.
        directory: where the samples claim to come from; None for nowhere.
    """
    own = np.random.default_rng(99).normal(size=(identities, 3, size))
    random = np.random.default_rng(seed)
    features = np.repeat(own, each, axis=0) + noise * random.normal(
        size=(identities * each, 3, size)
    )
    mask = np.ones((identities * each, 3), dtype=np.bool_)
    if not complete:
        codes = random.integers(1, 8, len(mask))
        mask = (codes[:, None] >> np.arange(3) & 1).astype(np.bool_)
    sources = None
    if directory is not None:
        sources = tuple(frozenset({directory / f"{row}.jpg"}) for row in range(len(mask)))
    return EmbeddedSamples(
        round_to_stored((features * mask[..., None]).astype(np.float32)),
        mask,
        Labels(
            identity=np.repeat(np.arange(identities), each).astype(object),
            scene=np.array([f"{seed}-{row}" for row in range(len(mask))], dtype=object),
        ),
        sources,
    )


def random_dataset(
    identities: int = 8,
    junk: Junk = "scene",
    symmetric: bool = False,
    complete: bool = True,
    noise: float = 1.0,
) -> EmbeddedDataset:
    """Different samples of the same identities as queries and as gallery."""
    return EmbeddedDataset(
        "made up",
        random_samples(identities, 2, seed=1, noise=noise, complete=complete),
        random_samples(identities, 3, seed=2, noise=noise, complete=complete),
        junk,
        symmetric,
    )
