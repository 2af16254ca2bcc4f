"""Unit vectors that lie as the features of vehicles do, in any number, with queries.

What the shipped bundle makes of vehicles it was not trained on was looked at first: centers of 640
samples of 80 identities. A third of their variance lies in 10 directions, five eighths in 50, three
quarters in 100; the cosine of two samples is 0.02 ± 0.14 where the vehicles differ and around 0.36
where they are the same (0.6 for photographs). The vectors made here are alike: every identity is a
point and every sample the identity plus noise, both normally distributed with a variance that falls
over 256 directions as measured, plus a tenth of it spread evenly over all dimensions. Half of the
variance is the identity's, so the cosine within an identity is about 0.5. A query is one more
sample of an identity; what is nearest to it, samples of its identity and others that look
alike, is found by comparing it with every vector.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SAMPLES_PER_IDENTITY = 20

_DIRECTIONS = 256
# The n-th direction's standard deviation falls as (n + offset) ** -exponent.
_OFFSET = 4.0
_EXPONENT = 0.6
_SPREAD_EVENLY = 0.1
_OF_IDENTITY = 0.5
_BLOCK = 8192


class ClusteredVectors:
    """`count` unit vectors of `size` dimensions; the same for the same seed."""

    def __init__(self, count: int, size: int, seed: int = 0) -> None:
        self.count = count
        self.size = size
        self._seed = seed
        self._identities = max(1, count // SAMPLES_PER_IDENTITY)
        self._centers = self._generator(0).standard_normal(
            (self._identities, _DIRECTIONS), dtype=np.float32
        )
        # Orthonormal, in no relation to the axes.
        drawn = self._generator(1).standard_normal((size, _DIRECTIONS))
        deviations = (np.arange(_DIRECTIONS) + _OFFSET) ** -_EXPONENT
        deviations *= np.sqrt((1 - _SPREAD_EVENLY) / np.square(deviations).sum())
        self._directions = (deviations[:, None] * np.linalg.qr(drawn)[0].T).astype(np.float32)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The vectors (b, size), in order; neighbours in the order are of different identities."""
        for number, first in enumerate(range(0, self.count, _BLOCK)):
            rows = np.arange(first, min(first + _BLOCK, self.count))
            yield self._samples(rows % self._identities, self._generator(2, number))

    def queries(self, count: int) -> NDArray[np.float32]:
        """Further samples (count, size), of different identities as far as there are enough."""
        chosen = np.linspace(0, self._identities, count, endpoint=False).astype(np.int64)
        return self._samples(chosen, self._generator(3))

    def _samples(
        self, identities: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.float32]:
        shape = len(identities), _DIRECTIONS
        latent = np.float32(np.sqrt(_OF_IDENTITY)) * self._centers[identities]
        noise = generator.standard_normal(shape, dtype=np.float32)
        latent += np.float32(np.sqrt(1 - _OF_IDENTITY)) * noise
        vectors: NDArray[np.float32] = latent @ self._directions
        even = generator.standard_normal(vectors.shape, dtype=np.float32)
        vectors += np.float32(np.sqrt(_SPREAD_EVENLY / self.size)) * even
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _generator(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *purpose])
