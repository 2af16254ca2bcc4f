"""False-colour palettes of thermal images: their colours, and the nearest of them to any colour.

The nearest entry is looked up by the cell of the colour cube that a colour lies in.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vreid.errors import ConfigurationError

# Equally spaced colours, from cold to hot; between them the palettes are interpolated linearly.
_ANCHORS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "inferno": (
        (0, 0, 4),
        (11, 7, 36),
        (33, 12, 74),
        (60, 9, 101),
        (87, 16, 109),
        (112, 25, 110),
        (137, 34, 106),
        (163, 43, 97),
        (187, 55, 85),
        (209, 70, 68),
        (227, 89, 50),
        (241, 113, 30),
        (249, 141, 10),
        (252, 171, 15),
        (249, 202, 50),
        (242, 232, 101),
        (252, 255, 164),
    ),
    "iron": (
        (0, 0, 0),
        (32, 0, 116),
        (105, 0, 156),
        (172, 8, 148),
        (212, 46, 82),
        (236, 96, 12),
        (251, 155, 0),
        (255, 214, 58),
        (255, 255, 246),
    ),
}

PALETTES: tuple[str, ...] = tuple(_ANCHORS)

_LOOKUP_BITS = 6
_LOST_BITS = 8 - _LOOKUP_BITS
# Numbers of 4 and 8 bytes are made of each: few enough for the processor's cache, and for memory.
_PIXELS_TOGETHER = 1 << 16

_RED_BITS = (1 << _LOOKUP_BITS) - 1


@cache
def palette_table(palette: str) -> NDArray[np.uint8]:
    """The palette's 256 colours, uint8 (256, 3), read-only.

    Raises:
        ConfigurationError: the palette is unknown.
    """
    if palette not in _ANCHORS:
        raise ConfigurationError(
            f"{palette!r} is no thermal palette; use one of {', '.join(PALETTES)}"
        )
    anchors = np.array(_ANCHORS[palette], dtype=np.float64)
    places = np.linspace(0, 255, len(anchors))
    channels = [np.interp(np.arange(256), places, anchors[:, channel]) for channel in range(3)]
    table = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.setflags(write=False)
    return table


@cache
def palette_channels(palette: str) -> NDArray[np.float32]:
    """The palette's colours as float32 (3, 256), read-only: whole numbers."""
    channels = palette_table(palette).T.astype(np.float32, order="C")
    channels.setflags(write=False)
    return channels


def nearest_levels(pixels: NDArray[np.uint8], palette: str) -> NDArray[np.uint8]:
    """For each pixel of (H, W, 3) the level (H, W) whose colour in the palette is the nearest.

    Colours count by cells of 4 levels a side: near the palette's own colours the level is at most
    two from the exact one; far from them it may be another that is about as near. The levels lie in
    memory column by column, which is how `vreid.resizing` takes grey, and costs nothing here.

    Raises:
        ConfigurationError: the palette is unknown.
    """
    height, width = pixels.shape[:2]
    levels = np.empty((width, height), dtype=np.uint8)
    rows = max(1, _PIXELS_TOGETHER // max(1, width))
    for start in range(0, height, rows):
        cells = _cells_by_columns(pixels[start : start + rows])
        levels[:, start : start + rows] = nearest_of_cells(cells, palette)
    return levels.T


def _cells_by_columns(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The cells (W, H) of pixels (H, W, 3)."""
    packed = _packed(pixels).T.copy(order="C")
    cells: NDArray[np.uint32] = packed >> np.uint32(_LOST_BITS)
    cells &= _RED_BITS
    for channel in (1, 2):
        # What a cell does not tell apart is dropped between two channels.
        packed >>= _LOST_BITS
        cells |= (packed >> _LOST_BITS) & (_RED_BITS << channel * _LOOKUP_BITS)
    return cells


def cells_of(channels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The cells (n,) of colours that lie channel by channel, (3, n)."""
    red, green, blue = channels
    cells: NDArray[np.int32] = (blue >> _LOST_BITS).astype(np.int32)
    cells <<= _LOOKUP_BITS
    cells |= green >> _LOST_BITS
    cells <<= _LOOKUP_BITS
    cells |= red >> _LOST_BITS
    return cells


def nearest_of_cells(
    cells: NDArray[np.int32] | NDArray[np.uint32], palette: str
) -> NDArray[np.uint8]:
    """For each cell the level whose colour in the palette is the nearest to the cell's middle."""
    # Clipping changes nothing, for every cell is in the table, and takes less than checking.
    return np.asarray(_nearest_lookup(palette).take(cells, mode="clip"))


def _packed(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Pixels (H, W, 3) as numbers (H, W): red in the lowest byte, green, blue, and something else.

    One look of four bytes at each pixel takes a third of the time of looks at its three channels.
    """
    height, width = pixels.shape[:2]
    # The look at the last pixel goes one byte beyond it.
    data = np.empty(3 * height * width + 1, dtype=np.uint8)
    data[:-1] = pixels.reshape(-1)
    data[-1] = 0
    return np.ndarray((height, width), np.dtype("<u4"), data.data, strides=(3 * width, 3))


@cache
def _nearest_lookup(palette: str) -> NDArray[np.uint8]:
    """Nearest table entry for the middle of each cell of the cube, by its blue, green and red."""
    side = 1 << _LOOKUP_BITS
    width = 256 >> _LOOKUP_BITS
    table = palette_table(palette).astype(np.float32)
    middles = np.arange(side, dtype=np.float32) * width + (width - 1) / 2
    squares = [(middles[:, None] - table[:, channel]) ** 2 for channel in range(3)]
    lookup = np.empty((side, side, side), dtype=np.uint8)
    for blue in range(side):
        distances = squares[2][blue] + squares[1][:, None, :] + squares[0][None, :, :]
        lookup[blue] = distances.argmin(axis=2)
    lookup.setflags(write=False)
    return lookup
