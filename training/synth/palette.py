"""The thermal camera's false-colour palette: black, violet, orange, yellow, white."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ANCHORS: tuple[tuple[int, int, int], ...] = (
    (0, 0, 4),
    (31, 12, 72),
    (85, 15, 109),
    (136, 34, 106),
    (186, 54, 85),
    (227, 89, 51),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)


@lru_cache(maxsize=1)
def palette_table() -> NDArray[np.uint8]:
    """Colour of each 8-bit thermal level, as a read-only table of shape (256, 3), RGB 0..255."""
    anchors = np.asarray(ANCHORS, dtype=np.float64)
    stops = np.linspace(0.0, 255.0, len(anchors))
    levels = np.arange(256, dtype=np.float64)
    columns = [np.interp(levels, stops, anchors[:, channel]) for channel in range(3)]
    table = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    table.setflags(write=False)
    return table


def colourise(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Palette picture (H, W, 3) uint8 of thermal levels (H, W) uint8."""
    return palette_table()[levels]
