"""Images on which a graph is compared with its model: real ones where there are, else drawn ones.

Noise alone would not do: it drives every layer alike, hides a wrong padding and ranks by chance.
The drawn images have what photographs have: large areas, edges, gradients, repeated parts, grain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vreid.decoding import decode_image
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, branch_pixels, normalise
from vreid.sample import Sample

COUNT = 24
"""Images per modality: 8 queries and a gallery of 16, and three batches of the largest size."""

DRAWN_SIZE = (210, 310)
"""Height and width of a drawn image, odd enough that preprocessing has to resize it."""


@dataclass(frozen=True, slots=True)
class ReferenceImages:
    """Images of each modality, the first ``real`` of them real.

    ``pixels`` (COUNT, H, W, 3) are what an engine takes, ``images`` (COUNT, 3, H, W) the same
    normalised, which a float32 graph takes.
    """

    pixels: dict[Modality, NDArray[np.uint8]]
    images: dict[Modality, NDArray[np.float32]]
    real: dict[Modality, int]


def reference_images(samples: Iterable[Sample], preprocessing: Preprocessing) -> ReferenceImages:
    """Real images of the samples, topped up with drawn ones where a modality has too few."""
    real: dict[Modality, list[NDArray[np.uint8]]] = {modality: [] for modality in MODALITIES}
    for sample in samples:
        wanting = [m for m in sample.images if len(real[m]) < COUNT]
        for modality in wanting:
            decoded = decode_image(sample.read(modality))
            real[modality].append(branch_pixels(decoded, modality, preprocessing))
        if all(len(images) == COUNT for images in real.values()):
            break
    pixels = {
        modality: np.stack(
            [
                *images,
                *(
                    branch_pixels(drawn_image(modality, number), modality, preprocessing)
                    for number in range(len(images), COUNT)
                ),
            ]
        )
        for modality, images in real.items()
    }
    return ReferenceImages(
        pixels=pixels,
        images={
            modality: normalise(images, preprocessing.normalisation[modality])
            for modality, images in pixels.items()
        },
        real={modality: len(images) for modality, images in real.items()},
    )


def drawn_image(modality: Modality, number: int) -> NDArray[np.uint8]:
    """Image ``number`` of a modality: a vehicle's outline on a road, (h, w, 3); always the same."""
    random = np.random.default_rng([modality.index, number])
    height, width = DRAWN_SIZE
    sky, road, body, glass = (_colour(random, modality) for _ in range(4))
    canvas = Image.new("RGB", (width, height), sky)
    draw = ImageDraw.Draw(canvas)
    horizon = int(height * random.uniform(0.3, 0.6))
    draw.rectangle((0, horizon, width, height), fill=road)
    left, right = int(width * random.uniform(0.05, 0.2)), int(width * random.uniform(0.8, 0.95))
    roof, waist = int(height * random.uniform(0.15, 0.35)), int(height * random.uniform(0.45, 0.55))
    sill = int(height * random.uniform(0.72, 0.82))
    draw.rectangle((left, waist, right, sill), fill=body)
    pillars = sorted(int(x) for x in random.uniform(left, right, 2))
    draw.polygon(
        [(left, waist), (pillars[0], roof), (pillars[1] + 20, roof), (right, waist)], fill=glass
    )
    radius = int(height * random.uniform(0.09, 0.14))
    for centre in (left + 2 * radius, right - 2 * radius):
        draw.ellipse((centre - radius, sill - radius, centre + radius, sill + radius), fill="black")
    pixels = np.asarray(canvas, dtype=np.float32)
    light = np.linspace(random.uniform(0.6, 1.4), random.uniform(0.6, 1.4), width)[None, :, None]
    grain = random.normal(0, 6, (height, width, 1 if modality is not Modality.RGB else 3))
    return np.clip(pixels * light + grain, 0, 255).astype(np.uint8)


def _colour(random: np.random.Generator, modality: Modality) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in random.integers(20, 236, 3))
    return (red, green, blue) if modality is Modality.RGB else (red, red, red)
