"""Augmentation of one sample, on 8-bit images of the network's size.

What moves the vehicle in the picture is drawn once per sample and shared by its modalities, which
are aligned; what a sensor or an obstacle does is drawn per image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ConfigDict

from vreid.modality import Modality

Pixels = NDArray[np.uint8]

ERASED_ASPECT = 0.3
"""Least height over width of an erased rectangle; the greatest is its inverse."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Augmentation:
    """How much of what; everything at its default does nothing.

    Attributes:
        flip: probability of mirroring left and right.
        padding: pixels of black border before a crop of the original size at a random place.
        rotation: degrees, either way.
        scale: share, either way.
        brightness, contrast: share, either way; every modality.
        saturation: share, either way; RGB only.
        erasing: probability that an image loses a rectangle to the mean colour.
        erasing_area: least and greatest share of the image that the rectangle covers.
        modality_dropout: probability that a sample with several modalities loses one or two; one
            is always left.
        modality_dropout_two: share of those that lose two, as half do in the paper's protocol.

    Raises:
        ValueError: a value makes no sense; the message names it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    flip: float = 0.0
    padding: int = 0
    rotation: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    erasing: float = 0.0
    erasing_area: tuple[float, float] = (0.02, 0.4)
    modality_dropout: float = 0.0
    modality_dropout_two: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "erasing", "modality_dropout", "modality_dropout_two"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; it is a probability, from 0 to 1")
        for name in ("brightness", "contrast", "saturation"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; it is a share, from 0 to 1")
        if not 0 <= self.scale < 1:
            raise ValueError(f"scale is {self.scale}; it is a share, from 0 to less than 1")
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation is {self.rotation}; it is an angle, from 0 to 180 degrees")
        if self.padding < 0:
            raise ValueError(f"padding is {self.padding}; it is a number of pixels, 0 or more")
        least, greatest = self.erasing_area
        if not 0 <= least <= greatest <= 1:
            raise ValueError(
                f"erasing_area is {self.erasing_area}; give two shares of the image from 0 to 1, "
                "the lesser first"
            )

    def __call__(
        self,
        images: Mapping[Modality, Pixels],
        fill: Mapping[Modality, tuple[int, int, int]],
        generator: np.random.Generator,
    ) -> dict[Modality, Pixels]:
        """Augments the modalities of one sample.

        Args:
            images: (H, W, 3) of each modality there is, all of one size.
            fill: colour of erased rectangles.
            generator: decides everything.

        Returns:
            New images of the same size; possibly one or two modalities fewer.
        """
        kept = self._drop_modalities(images, generator)
        height, width = next(iter(images.values())).shape[:2]
        matrix = self._draw_geometry(height, width, generator)
        augmented = {}
        for modality, pixels in kept.items():
            moved = _move(pixels, matrix)
            varied = self._vary_tone(moved, modality is Modality.RGB, generator)
            augmented[modality] = self._erase(varied, fill[modality], generator)
        return augmented

    def _drop_modalities(
        self, images: Mapping[Modality, Pixels], generator: np.random.Generator
    ) -> dict[Modality, Pixels]:
        kept = dict(images)
        if len(kept) < 2 or generator.random() >= self.modality_dropout:
            return kept
        _drop_one(kept, generator)
        # Nothing is drawn where the share is zero, so that runs without it draw as they always did.
        two = self.modality_dropout_two > 0 and generator.random() < self.modality_dropout_two
        if two and len(kept) > 1:
            _drop_one(kept, generator)
        return kept

    def _draw_geometry(
        self, height: int, width: int, generator: np.random.Generator
    ) -> NDArray[np.float64]:
        """The (2, 3) matrix from output to input coordinates: flip, crop, rotation and scale."""
        mirror = -1.0 if generator.random() < self.flip else 1.0
        shift = generator.integers(-self.padding, self.padding + 1, size=2)
        angle = np.deg2rad(generator.uniform(-self.rotation, self.rotation))
        zoom = 1 / (1 + generator.uniform(-self.scale, self.scale))
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turn @ np.diag([mirror, 1.0])
        center = np.array([width / 2, height / 2])
        return np.column_stack([linear, center + shift - linear @ center])

    def _vary_tone(self, pixels: Pixels, colour: bool, generator: np.random.Generator) -> Pixels:
        brightness = 1 + generator.uniform(-self.brightness, self.brightness)
        contrast = 1 + generator.uniform(-self.contrast, self.contrast)
        saturation = 1 + generator.uniform(-self.saturation, self.saturation)
        if not (self.brightness or self.contrast or (self.saturation and colour)):
            return pixels
        values = pixels * np.float32(brightness)
        middle = np.float32(values.mean())
        values = middle + (values - middle) * np.float32(contrast)
        if colour and self.saturation:
            grey = (values @ _LUMA)[..., None]
            values = grey + (values - grey) * np.float32(saturation)
        return np.asarray(np.clip(values, 0, 255) + 0.5).astype(np.uint8)

    def _erase(
        self, pixels: Pixels, fill: tuple[int, int, int], generator: np.random.Generator
    ) -> Pixels:
        if generator.random() >= self.erasing:
            return pixels
        height, width = pixels.shape[:2]
        area = generator.uniform(*self.erasing_area) * height * width
        aspect = np.exp(generator.uniform(np.log(ERASED_ASPECT), -np.log(ERASED_ASPECT)))
        tall = min(height, max(1, round(np.sqrt(area * aspect))))
        wide = min(width, max(1, round(np.sqrt(area / aspect))))
        top = generator.integers(height - tall + 1)
        left = generator.integers(width - wide + 1)
        erased = pixels.copy()
        erased[top : top + tall, left : left + wide] = fill
        return erased


def _drop_one(images: dict[Modality, Pixels], generator: np.random.Generator) -> None:
    del images[list(images)[generator.integers(len(images))]]


def _move(pixels: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    height, width = pixels.shape[:2]
    moved = Image.fromarray(pixels).transform(
        (width, height),
        Image.Transform.AFFINE,
        matrix.ravel().tolist(),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(moved)
