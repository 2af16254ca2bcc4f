"""A sample: one vehicle seen once, in one to three spectra."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vreid.errors import NoModality, SampleError
from vreid.image_source import ImageSource, Tile, content_of, read_source
from vreid.modality import MODALITIES, Modality, parse_modality, subset_name

AttributeValue = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Sample:
    """One to three aligned images of a vehicle, and what is known about them.

    Attributes:
        images: the encoded image of each modality that is there.
        identity: which vehicle it is, where known.
        camera: which camera took it.
        scene: which passage or time label it belongs to.
        captured_at: when it was taken.
        attributes: anything else, by name.
        name: how messages about this sample call it, for instance its file name.

    Raises:
        NoModality: there is no image.
        UnknownModality: a key of ``images`` is not rgb, nir or tir.
        SampleError: an image is neither a path nor bytes nor a tile of a file.
    """

    images: Mapping[Modality, ImageSource]
    identity: str | None = None
    camera: str | None = None
    scene: str | None = None
    captured_at: datetime | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    name: str | None = None

    def __post_init__(self) -> None:
        given = {parse_modality(key): source for key, source in self.images.items()}
        if not given:
            raise NoModality(f"{self._label()} has no image; give at least one of rgb, nir, tir")
        for modality, source in given.items():
            if not isinstance(source, Path | bytes | Tile):
                raise SampleError(
                    f"the {modality} image of {self._label()} is a {type(source).__name__}; "
                    "give a pathlib.Path or the bytes of the file"
                )
        ordered = {modality: given[modality] for modality in MODALITIES if modality in given}
        object.__setattr__(self, "images", ordered)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which modalities are there, shape (3,)."""
        return np.array([modality in self.images for modality in MODALITIES], dtype=np.bool_)

    def read(self, modality: Modality) -> bytes:
        """The encoded bytes of one image; of a tile those of the tile alone.

        Raises:
            NoModality: the sample has no image of this modality.
            UnreadableImage: the file cannot be read.
            ImageError: the tile cannot be cut from its file.
        """
        return read_source(self._source(modality))

    def content(self, modality: Modality) -> bytes:
        """The bytes that tell one image from every other, undecoded: see `content_of`.

        Raises:
            NoModality: the sample has no image of this modality.
            UnreadableImage: the file cannot be read.
        """
        return content_of(self._source(modality))

    def _source(self, modality: Modality) -> ImageSource:
        if modality not in self.images:
            raise NoModality(
                f"{self._label()} has no {modality} image, only {subset_name(self.images)}; "
                "ask for one that is in its mask"
            )
        return self.images[modality]

    def _label(self) -> str:
        return f"sample {self.name}" if self.name else "the sample"
