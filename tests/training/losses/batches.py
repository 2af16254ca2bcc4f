"""Batches for the tests of losses, with missing modalities, and hypothesis strategies for them."""

from typing import NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

Float = NDArray[np.float64]


class LossBatch(NamedTuple):
    """features (B, 3, D) float64, labels (B,), mask (B, 3) with at least one in every row."""

    features: Tensor
    labels: Tensor
    mask: Tensor

    def rearranged(self, samples: Tensor) -> "LossBatch":
        return LossBatch(*(part[samples] for part in self))

    def with_modalities(self, order: list[int]) -> "LossBatch":
        return LossBatch(self.features[:, order], self.labels, self.mask[:, order])


def drawn_batch(
    seed: int, samples: int = 12, identities: int = 4, size: int = 5, missing: float = 0.3
) -> LossBatch:
    """Features of normal distribution; identities of any number of samples, one included."""
    generator = np.random.default_rng(seed)
    mask = generator.random((samples, 3)) >= missing
    mask[np.arange(samples), generator.integers(3, size=samples)] = True
    return LossBatch(
        torch.from_numpy(generator.normal(size=(samples, 3, size))),
        torch.from_numpy(generator.integers(identities, size=samples)),
        torch.from_numpy(mask),
    )


BATCHES = st.builds(
    drawn_batch,
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(1, 12),
    identities=st.integers(1, 5),
    missing=st.sampled_from([0.0, 0.4, 0.9]),
)
MODALITY_ORDERS = st.permutations([0, 1, 2])
