"""Thermal images: three ways to arrive, two ways to be wanted.

A thermal crop arrives as 16-bit radiometric grey, as 8-bit grey, or as 8-bit colour in a false-
colour palette. A model was trained either on grey or on one palette; the bundle's manifest says
which (`ThermalRendering`), and `render_thermal` converts:

    16-bit          scaled linearly between two percentiles of the image to 0..255
    8-bit grey      taken as it is: the camera has scaled it already
    palette colour  back to grey by the nearest entry of the palette's table, not scaled again
    other colour    to grey by luminance

and then grey into the wanted palette by its table. An image that already has the wanted palette
passes unchanged. Which palette an image has is measured on its pixels (`detect_palette`) and can
be overridden.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vreid.errors import ConfigurationError, UnsupportedImage
from vreid.palettes import (
    PALETTES,
    cells_of,
    nearest_levels,
    nearest_of_cells,
    palette_channels,
    palette_table,
)

GREY = "grey"
STYLES: tuple[str, ...] = (GREY, *PALETTES)

# A palette is recognised when pixels lie on its curve within what JPEG does to colours, and
# reach over enough of it: a dark photograph lies on the dark end of every palette. Distances are
# in levels of RGB space. Measured: palette images after JPEG of quality 50 have means up to 26 and
# medians up to 19; photographs of vehicles have means from 65 and medians from 60.
_SAMPLED_PIXELS = 4096
_MEAN_DISTANCE = 27.0
_MEDIAN_DISTANCE = 20.0
_SPREAD = 40

_LUMINANCE = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class ThermalRendering:
    """How a model wants its thermal images.

    Attributes:
        style: ``grey`` or the name of a palette.
        low_percentile: percentile of a 16-bit image that becomes 0.
        high_percentile: percentile of a 16-bit image that becomes 255.

    Raises:
        ConfigurationError: the style is unknown, or the percentiles are not 0 <= low < high <= 100.
    """

    style: str = "inferno"
    low_percentile: float = 1.0
    high_percentile: float = 99.0

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ConfigurationError(
                f"{self.style!r} is no thermal style; use one of {', '.join(STYLES)}"
            )
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise ConfigurationError(
                f"thermal percentiles {self.low_percentile} and {self.high_percentile} must be "
                "0 <= low < high <= 100"
            )


def render_thermal(
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    rendering: ThermalRendering,
    palette: str | None = None,
) -> NDArray[np.uint8]:
    """A thermal image as the model wants it, at its native size.

    Args:
        pixels: uint16 (H, W) radiometric, uint8 (H, W) grey, or uint8 (H, W, 3) colour.
        rendering: what the model wants.
        palette: which style a colour image has (``grey`` or a palette); measured when None.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ConfigurationError: ``palette`` is unknown.
        UnsupportedImage: ``pixels`` have another type or shape.
    """
    if pixels.ndim == 3 and rendering.style != GREY:
        colour = _colour(pixels)
        palette = palette if palette is not None else detect_palette(colour) or GREY
        if palette == rendering.style:
            return colour
    return grey_to_palette(thermal_levels(pixels, rendering, palette), rendering.style)


def thermal_levels(
    pixels: NDArray[np.uint8] | NDArray[np.uint16],
    rendering: ThermalRendering,
    palette: str | None = None,
) -> NDArray[np.uint8]:
    """The grey levels (H, W) of a thermal image, at its native size.

    Args:
        pixels: as `render_thermal` takes them.
        rendering: whose percentiles scale 16 bits.
        palette: as `render_thermal` takes it.

    Raises:
        ConfigurationError: ``palette`` is unknown.
        UnsupportedImage: ``pixels`` have another type or shape.
    """
    if palette is not None and palette not in STYLES:
        raise ConfigurationError(
            f"{palette!r} is no thermal palette; use one of {', '.join(STYLES)}, "
            "or leave it out to have it measured"
        )
    if pixels.ndim == 2:
        return to_grey_levels(pixels, rendering.low_percentile, rendering.high_percentile)
    colour = _colour(pixels)
    return palette_to_grey(colour, palette or detect_palette(colour) or GREY)


def radiometric_to_grey(
    pixels: NDArray[np.uint16], low_percentile: float, high_percentile: float
) -> NDArray[np.uint8]:
    """Scale 16-bit values linearly so that the two percentiles become 0 and 255, and clip.

    An image of a single value becomes mid grey, 128, everywhere.

    Args:
        pixels: uint16 (H, W).
        low_percentile: percentile that becomes 0, in percent.
        high_percentile: percentile that becomes 255, in percent.

    Returns:
        uint8 (H, W).
    """
    low, high = (float(level) for level in np.percentile(pixels, (low_percentile, high_percentile)))
    if high <= low:
        # More than the percentiles' share of the image is one value: scale by the extremes.
        low, high = float(pixels.min()), float(pixels.max())
    if high <= low:
        return np.full(pixels.shape, 128, dtype=np.uint8)
    # One entry for each possible value: cheaper than arithmetic on every pixel.
    levels = (np.arange(1 << 16) - low) * (255.0 / (high - low))
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.asarray(table[pixels])


def to_grey_levels(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], low_percentile: float, high_percentile: float
) -> NDArray[np.uint8]:
    """Grey (H, W) of 8 or 16 bits as 8 bits; 8 bits stay as they are."""
    if pixels.dtype == np.uint16:
        return radiometric_to_grey(
            pixels.astype(np.uint16, copy=False), low_percentile, high_percentile
        )
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    raise UnsupportedImage(f"grey pixels are {pixels.dtype}; give uint8 or uint16")


def detect_palette(pixels: NDArray[np.uint8]) -> str | None:
    """The palette whose curve the colours lie on, or None when they lie on none.

    Measured on up to a few thousand pixels of a regular grid; tolerates JPEG's noise. The colours
    must also reach over a good part of the palette, since dark photographs lie on the
    dark end of each.

    Args:
        pixels: uint8 (H, W, 3).
    """
    sample = sampled_channels(pixels)
    if not sample.size:
        return None
    cells, colours = cells_of(sample), sample.astype(np.float32)
    best: str | None = None
    best_distance = _MEAN_DISTANCE
    for name in PALETTES:
        nearest = nearest_of_cells(cells, name)
        # Whole numbers up to 3 * 255 ** 2, which float32 holds exactly.
        offset = colours - palette_channels(name).take(nearest, axis=1)
        offset *= offset
        distance = np.sqrt(offset[0] + offset[1] + offset[2], dtype=np.float64)
        mean = float(distance.mean())
        if (
            mean < best_distance
            and _has_median_up_to(_MEDIAN_DISTANCE, distance)
            and _reaches(_SPREAD, nearest)
        ):
            best, best_distance = name, mean
    return best


def _reaches(spread: float, levels: NDArray[np.uint8]) -> bool:
    low, high = percentiles(levels, (5, 95))
    return high - low >= spread


def percentiles(levels: NDArray[np.uint8], shares: Sequence[float]) -> list[float]:
    """What `np.percentile` gives for 8-bit levels (n,), by counting them instead of sorting.

    Args:
        levels: at least one.
        shares: from 0 to 100.
    """
    ranks = np.cumsum(np.bincount(levels, minlength=256))
    places = np.array(shares) / 100 * (len(levels) - 1)
    below = np.floor(places)
    # The level of the n-th smallest is the first that more than n are not above.
    lower = np.searchsorted(ranks, below, side="right")
    upper = np.searchsorted(ranks, np.ceil(places), side="right")
    return [float(level) for level in lower + (upper - lower) * (places - below)]


def _has_median_up_to(most: float, values: NDArray[np.float64]) -> bool:
    """Whether the median of values (n,) is at most `most`, by counting where that suffices."""
    up_to, half = np.count_nonzero(values <= most), len(values) / 2
    return bool(np.median(values) <= most) if up_to == half else bool(up_to > half)


def palette_to_grey(pixels: NDArray[np.uint8], palette: str) -> NDArray[np.uint8]:
    """Grey levels of a false-colour image: for each pixel the nearest entry of the table.

    Args:
        pixels: uint8 (H, W, 3).
        palette: a palette, or ``grey`` for luminance.

    Returns:
        uint8 (H, W), not rescaled.

    Raises:
        ConfigurationError: the palette is unknown.
    """
    if palette == GREY:
        red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
        if np.array_equal(red, green) and np.array_equal(green, blue):
            # Grey that was saved as colour: the luminance is the level itself.
            return red.copy()
        return np.asarray(np.rint(pixels @ _LUMINANCE), dtype=np.uint8)
    return nearest_levels(pixels, palette)


def grey_to_palette(pixels: NDArray[np.uint8], palette: str) -> NDArray[np.uint8]:
    """Colours of grey levels by the palette's table; ``grey`` gives three equal channels.

    Args:
        pixels: uint8 (H, W).
        palette: a palette, or ``grey``.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ConfigurationError: the palette is unknown.
    """
    if palette == GREY:
        colour = np.empty((*pixels.shape, 3), dtype=np.uint8)
        # Channel by channel takes half as long as repeating each level three times.
        for channel in range(3):
            colour[:, :, channel] = pixels
        return colour
    return np.asarray(palette_table(palette).take(pixels, axis=0))


def sampled_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Up to a few thousand pixels on a regular grid of a colour image (H, W, 3), as (3, n).

    One row for each channel: NumPy is slow along an axis of three.
    """
    height, width = pixels.shape[:2]
    step = max(1, math.ceil(math.sqrt(height * width / _SAMPLED_PIXELS)))
    # Of a picture that is narrower than a step, one line along its middle.
    down, across = min(step, height), min(step, width)
    grid = pixels[down // 2 :: down, across // 2 :: across]
    sample = np.empty((3, *grid.shape[:2]), dtype=np.uint8)
    for channel, row in enumerate(sample):
        row[...] = grid[..., channel]
    return sample.reshape(3, -1)


def _colour(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise UnsupportedImage(
            f"thermal pixels are {pixels.dtype} of shape {pixels.shape}; "
            "give uint16 (H, W), uint8 (H, W) or uint8 (H, W, 3)"
        )
    return pixels.astype(np.uint8, copy=False)
