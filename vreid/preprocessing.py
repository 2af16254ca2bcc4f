"""From decoded pixels to a branch's input: the one definition for training, indexing and service.

pixels --render--> uint8 (h, w, 3) --resize--> uint8 (H, W, 3) --normalise--> float32 (3, H, W)

`branch_pixels` stops at the resized pixels, which engines take; `preprocess` goes all the way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vreid.decoding import Pixels as Pixels
from vreid.errors import ConfigurationError, UnsupportedImage
from vreid.modality import MODALITIES, Modality, parse_modality
from vreid.resizing import resize_bilinear
from vreid.strict_json import Fields, is_number
from vreid.thermal import (
    GREY,
    ThermalRendering,
    detect_palette,
    grey_to_palette,
    percentiles,
    render_thermal,
    sampled_channels,
    thermal_levels,
    to_grey_levels,
)

RESIZE = "bilinear-antialiased"
"""The one resize rule, `vreid.resizing`: a triangle that widens when it shrinks."""

_LARGEST_SIDE = 4096


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, for pixel values scaled to [0, 1].

    Raises:
        ConfigurationError: not three finite numbers each, or a deviation that is not positive.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != 3 or not all(is_number(value) for value in values):
                raise ConfigurationError(
                    f"normalisation {name} is {values}; give three finite numbers"
                )
        if not all(value > 0 for value in self.std):
            raise ConfigurationError(f"normalisation std is {self.std}; each must be above 0")


IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _imagenet_for_all() -> Mapping[Modality, Normalisation]:
    return dict.fromkeys(MODALITIES, IMAGENET)


@dataclass(frozen=True)
class Preprocessing:
    """Everything that decides a branch's input, as the bundle's manifest stores it.

    Attributes:
        height: of the input, in pixels.
        width: of the input, in pixels.
        normalisation: for each modality of the model.
        thermal: how TIR is rendered; its percentiles also scale 16-bit RGB and NIR.
        resize: always `RESIZE`.

    Raises:
        ConfigurationError: a value is out of range.
    """

    height: int
    width: int
    normalisation: Mapping[Modality, Normalisation] = field(default_factory=_imagenet_for_all)
    thermal: ThermalRendering = field(default_factory=ThermalRendering)
    resize: str = RESIZE

    def __post_init__(self) -> None:
        for name, side in (("height", self.height), ("width", self.width)):
            if not 1 <= side <= _LARGEST_SIDE:
                raise ConfigurationError(
                    f"preprocessing {name} is {side}; give 1 to {_LARGEST_SIDE} pixels"
                )
        if self.resize != RESIZE:
            raise ConfigurationError(f"preprocessing resize is {self.resize!r}; only {RESIZE!r} is")
        if not self.normalisation:
            raise ConfigurationError("preprocessing has no normalisation; give one per modality")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as `from_json` reads them."""
        return {
            "height": self.height,
            "width": self.width,
            "resize": self.resize,
            "normalisation": {
                modality.value: {
                    "mean": list(self.normalisation[modality].mean),
                    "std": list(self.normalisation[modality].std),
                }
                for modality in MODALITIES
                if modality in self.normalisation
            },
            "thermal": {
                "style": self.thermal.style,
                "low_percentile": self.thermal.low_percentile,
                "high_percentile": self.thermal.high_percentile,
            },
        }

    @classmethod
    def from_json(cls, document: object, where: str = "preprocessing") -> "Preprocessing":
        """Read what ``to_json`` wrote.

        Raises:
            ConfigurationError: a field is missing, unknown or out of range.
            UnknownModality: a normalisation is for something other than rgb, nir, tir.
        """
        fields = Fields(document, where)
        height, width = fields.integer("height", 1), fields.integer("width", 1)
        resize = fields.text("resize")
        normalisations = fields.fields("normalisation")
        thermal = fields.fields("thermal")
        fields.finish()
        rendering = ThermalRendering(
            thermal.text("style"),
            thermal.number("low_percentile"),
            thermal.number("high_percentile"),
        )
        thermal.finish()
        return cls(
            height,
            width,
            {
                parse_modality(name): _normalisation(normalisations.fields(name))
                for name in normalisations.names()
            },
            rendering,
            resize,
        )


def render(
    pixels: Pixels, modality: Modality, preprocessing: Preprocessing, palette: str | None = None
) -> NDArray[np.uint8]:
    """Decoded pixels as the model wants to see them, at their native size.

    RGB and NIR: 16-bit grey is scaled by the percentiles of ``preprocessing.thermal``, and
    grey becomes three equal channels. TIR: see `vreid.thermal`.

    Args:
        pixels: uint8 (h, w, 3), uint8 (h, w) or uint16 (h, w).
        modality: which branch it is for.
        preprocessing: the bundle's.
        palette: for TIR, the style that a colour image has; measured when None.

    Returns:
        uint8 (h, w, 3).

    Raises:
        UnsupportedImage: ``pixels`` have another type or shape.
        ConfigurationError: ``palette`` is unknown.
    """
    _require_shape(pixels)
    if modality is Modality.TIR:
        return render_thermal(pixels, preprocessing.thermal, palette)
    if pixels.ndim == 2:
        return grey_to_palette(_levels(pixels, modality, preprocessing, palette), GREY)
    if pixels.dtype != np.uint8 or pixels.shape[2] != 3:
        raise UnsupportedImage(
            f"colour pixels are {pixels.dtype} of shape {pixels.shape}; give uint8 (h, w, 3)"
        )
    return pixels.astype(np.uint8, copy=False)


def _require_shape(pixels: Pixels) -> None:
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise UnsupportedImage(f"pixels have the shape {pixels.shape}; give (h, w) or (h, w, 3)")


def resize(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Resize (h, w, 3) to (H, W, 3), bilinear and antialiased; the same size passes unchanged."""
    return resize_bilinear(pixels, preprocessing.height, preprocessing.width)


def normalise(
    pixels: NDArray[np.uint8],
    normalisation: Normalisation,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Scale uint8 (..., H, W, 3) to [0, 1], subtract the mean, divide by the standard deviation.

    Args:
        pixels: of one image, or of a batch.
        normalisation: of the images' modality.
        out: float32 (..., 3, H, W) to write into, for a caller that has a buffer.

    Returns:
        float32 (..., 3, H, W), contiguous unless `out` is not.
    """
    planes = np.moveaxis(pixels, -1, -3)
    # Channels first before any arithmetic, and then in place: over ten times as fast as arithmetic
    # on pixels with a transposed copy at the end, and the same numbers.
    values = np.empty(planes.shape, dtype=np.float32) if out is None else out
    np.copyto(values, planes)
    values /= np.float32(255)
    values -= np.array(normalisation.mean, dtype=np.float32)[:, None, None]
    values /= np.array(normalisation.std, dtype=np.float32)[:, None, None]
    return values


def branch_pixels(
    pixels: Pixels, modality: Modality, preprocessing: Preprocessing, palette: str | None = None
) -> NDArray[np.uint8]:
    """Decoded pixels to what an engine takes, uint8 (H, W, 3): render, resize.

    Raises:
        UnsupportedImage: ``pixels`` have a type or shape that `render` does not take.
        ConfigurationError: ``palette`` is unknown, or the model has no such branch.
    """
    if modality not in preprocessing.normalisation:
        raise ConfigurationError(
            f"the preprocessing has no normalisation for {modality}; "
            "leave that image out or use a bundle with that branch"
        )
    if not _renders_grey(pixels, modality, preprocessing):
        return resize(render(pixels, modality, preprocessing, palette), preprocessing)
    # Three equal channels are resized as one: the same numbers in a third of the work.
    levels = _levels(pixels, modality, preprocessing, palette)
    height, width = preprocessing.height, preprocessing.width
    return grey_to_palette(resize_bilinear(levels, height, width), GREY)


def _renders_grey(pixels: Pixels, modality: Modality, preprocessing: Preprocessing) -> bool:
    """Whether `render` gives three equal channels by its definition."""
    if modality is Modality.TIR:
        return preprocessing.thermal.style == GREY
    return pixels.ndim == 2


def _levels(
    pixels: Pixels, modality: Modality, preprocessing: Preprocessing, palette: str | None
) -> NDArray[np.uint8]:
    """One channel (h, w) of what `render` gives, where `_renders_grey`; errors as `render`."""
    _require_shape(pixels)
    scaling = preprocessing.thermal
    if modality is Modality.TIR:
        return thermal_levels(pixels, scaling, palette)
    return to_grey_levels(pixels, scaling.low_percentile, scaling.high_percentile)


def preprocess(
    pixels: Pixels, modality: Modality, preprocessing: Preprocessing, palette: str | None = None
) -> NDArray[np.float32]:
    """Decoded pixels to a network's input, float32 (3, H, W): `branch_pixels`, normalised.

    Raises:
        UnsupportedImage: ``pixels`` have a type or shape that `render` does not take.
        ConfigurationError: ``palette`` is unknown, or the model has no such branch.
    """
    prepared = branch_pixels(pixels, modality, preprocessing, palette)
    return normalise(prepared, preprocessing.normalisation[modality])


def palette_of(pixels: Pixels, modality: Modality, named: str | None = None) -> str | None:
    """The palette to read an image by, for `branch_pixels` and `modality_warnings` alike.

    Measuring takes as long as decoding a crop does.

    Args:
        pixels: decoded, see `vreid.decoding.decode_image`.
        modality: what it was sent as.
        named: the style that its sender named.

    Returns:
        Of a thermal image in colour the style that was named or measured, ``grey`` where its
        colours are of no palette; else what was named.
    """
    if named is not None or modality is not Modality.TIR or pixels.ndim == 2:
        return named
    return detect_palette(pixels.astype(np.uint8, copy=False)) or GREY


def modality_warnings(pixels: Pixels, modality: Modality, palette: str | None = None) -> list[str]:
    """Sentences about an image that does not look like its modality; empty when it does.

    Cameras get plugged into the wrong slot: near infrared has no colour, and a daylight
    camera has some. A nearly black RGB image may be grey without a warning.

    Args:
        pixels: decoded, see `vreid.decoding.decode_image`.
        modality: what it was sent as.
        palette: for TIR, from `palette_of`; measured when None.
    """
    if pixels.ndim == 2:
        return [_GREY_RGB] if modality is Modality.RGB else []
    if modality is Modality.TIR and palette not in (None, GREY):
        return []
    colour = pixels.astype(np.uint8, copy=False)
    sample = sampled_channels(colour)
    red, green, blue = sample
    brightest = np.maximum(np.maximum(red, green), blue)
    chroma = brightest - np.minimum(np.minimum(red, green), blue)
    if modality is Modality.RGB:
        grey = _is_colourless(chroma) and sample.mean() >= _NEARLY_BLACK
        return [_GREY_RGB] if grey else []
    is_colourful = chroma.mean() > _COLOURFUL
    if modality is Modality.NIR:
        return [_COLOURED_NIR] if is_colourful else []
    unknown = is_colourful and palette_of(colour, modality, palette) == GREY
    return [_UNKNOWN_PALETTE] if unknown else []


def _is_colourless(chroma: NDArray[np.uint8]) -> bool:
    """Whether the 99th percentile of (n,) is small; most pictures are told by a count."""
    above = np.count_nonzero(chroma > _COLOURLESS)
    # A percentile lies between two neighbours in order: both are above, or neither is.
    if above > 0.01 * len(chroma) + 2 or not above:
        return not above
    return percentiles(chroma, (99,))[0] <= _COLOURLESS


# Mean difference between a pixel's largest and smallest channel, in levels. Overcast photographs
# of grey cars have 3 and more; grey images saved as colour have less than 1.
_COLOURFUL = 2.5
_COLOURLESS = 4
_NEARLY_BLACK = 16

_GREY_RGB = (
    "the rgb image has no colour; check that it is not from the near-infrared or thermal camera"
)
_COLOURED_NIR = "the nir image has colour; check that it is not from the colour or thermal camera"
_UNKNOWN_PALETTE = (
    "the tir image has colours of no known palette and was read by its luminance; check that it "
    "is from the thermal camera, or name its palette"
)


def _normalisation(fields: Fields) -> Normalisation:
    mean, std = fields.numbers("mean", 3), fields.numbers("std", 3)
    fields.finish()
    return Normalisation((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
