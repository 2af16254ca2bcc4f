"""Pixels to run on."""

import numpy as np
from numpy.typing import NDArray


def pixels(
    count: int, height: int = 32, width: int = 32, seed: int | None = None
) -> NDArray[np.uint8]:
    """Noise uint8 (count, height, width, 3)."""
    generator = np.random.default_rng(count if seed is None else seed)
    return generator.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
