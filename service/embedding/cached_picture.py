"""What the embedding cache keeps of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CachedPicture:
    """What is kept of a picture: a branch's features, float32 (D,) exact in float16; sentences."""

    features: NDArray[np.float32]
    warnings: tuple[str, ...]
