"""Generated pictures for the indexing tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_picture(path: Path, seed: int = 0, *, mode: str = "RGB") -> Path:
    """Write a picture of random blocks, different for each seed; the suffix gives the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    shape = (6, 8, 3) if mode == "RGB" else (6, 8)
    blocks = generator.integers(0, 256, shape, dtype=np.uint8)
    pixels = np.repeat(np.repeat(blocks, 40, axis=0), 40, axis=1)
    if mode == "I;16":
        Image.fromarray(pixels.astype(np.uint16) * 200).save(path)
    else:
        Image.fromarray(pixels).save(path)
    return path
