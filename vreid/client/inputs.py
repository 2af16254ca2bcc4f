"""What callers give: images of a vehicle, and sightings to be enrolled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vreid.errors import NoModality, UnsupportedImage
from vreid.image_source import Tile, read_file, read_source
from vreid.modality import MODALITIES, Modality
from vreid.sample import AttributeValue, Sample

Filter = Mapping[str, object]
"""Which records take part, as `docs/http.md` has it: ``{"camera": "north"}``."""

ImageLike = str | Path | bytes | Tile | NDArray[Any]
"""An image: the path of a file, a file's bytes, a tile of a file, or pixels.

Pixels are uint8 (H, W, 3) or (H, W), or uint16 (H, W) of a thermal sensor, and travel as PNG, so
that no level changes. Files are sent as they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Images:
    """One to three aligned images of one vehicle.

    Attributes:
        rgb: colour.
        nir: near infrared.
        tir: thermal infrared.
        tir_palette: palette of a false-colour thermal image; measured when left out.
    """

    rgb: ImageLike | None = None
    nir: ImageLike | None = None
    tir: ImageLike | None = None
    tir_palette: str | None = None

    def encoded(self) -> dict[str, bytes]:
        """The bytes of each image that is there, by field name.

        Raises:
            NoModality: there is none.
            ImageError: a file cannot be read, or an array is no picture.
        """
        given = {name: getattr(self, name) for name in map(str, MODALITIES)}
        images = {name: encode(image) for name, image in given.items() if image is not None}
        if not images:
            raise NoModality("there is no image; give at least one of rgb, nir, tir")
        return images

    def told(self) -> dict[str, Any]:
        """What else is told, by field name; what is not known is left out."""
        return {} if self.tir_palette is None else {"tir_palette": self.tir_palette}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sighting(Images):
    """A vehicle seen once: its images, and what is known about it.

    Attributes:
        id: of the record; made by the service when left out. With one, the call can be repeated
            after an answer was lost, and stores the sighting once.
        identity: which vehicle it is, where known.
        camera: which camera took it.
        scene: which passage or time label it belongs to.
        captured_at: when it was taken, with a time zone.
        attributes: anything else, by name.
    """

    id: str | None = None
    identity: str | None = None
    camera: str | None = None
    scene: str | None = None
    captured_at: datetime | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    @classmethod
    def from_sample(cls, sample: Sample, id: str | None = None) -> Sighting:
        """A sample of a data set or archive as a sighting."""
        return cls(
            rgb=sample.images.get(Modality.RGB),
            nir=sample.images.get(Modality.NIR),
            tir=sample.images.get(Modality.TIR),
            id=id,
            identity=sample.identity,
            camera=sample.camera,
            scene=sample.scene,
            captured_at=sample.captured_at,
            attributes=sample.attributes,
        )

    def told(self) -> dict[str, Any]:
        """What is told about the sighting, by field name; what is not known is left out."""
        labels = {
            "tir_palette": self.tir_palette,
            "id": self.id,
            "identity": self.identity,
            "camera": self.camera,
            "scene": self.scene,
            "captured_at": None if self.captured_at is None else self.captured_at.isoformat(),
            "attributes": dict(self.attributes) or None,
        }
        return {name: value for name, value in labels.items() if value is not None}


def encode(image: ImageLike) -> bytes:
    """The bytes of an image file.

    Raises:
        UnreadableImage: the file cannot be read.
        UnsupportedImage: an array of another shape or type than pictures have.
    """
    if isinstance(image, np.ndarray):
        return _png(image)
    if isinstance(image, str):
        return read_file(Path(image))
    return read_source(image)


def _png(pixels: NDArray[Any]) -> bytes:
    is_picture = (pixels.dtype == np.uint8 and (pixels.ndim == 2 or pixels.shape[2:] == (3,))) or (
        pixels.dtype == np.uint16 and pixels.ndim == 2
    )
    if not is_picture or 0 in pixels.shape:
        raise UnsupportedImage(
            f"an array of {pixels.dtype} {pixels.shape} is no picture; give uint8 (H, W, 3) or "
            "(H, W), or uint16 (H, W)"
        )
    encoded = BytesIO()
    # Speed before size: the picture is decoded again a moment later.
    Image.fromarray(pixels).save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()
