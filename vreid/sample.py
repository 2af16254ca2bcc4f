"""A sample: one vehicle seen once, in one to three spectra."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vreid.errors import NoModality, SampleError, UnreadableImage
from vreid.modality import MODALITIES, Modality, parse_modality, subset_name

ImageSource = Path | bytes
"""An encoded image: a path to the file, or the file's bytes."""

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
        SampleError: an image is neither a path nor bytes.
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
            if not isinstance(source, Path | bytes):
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
        """The encoded bytes of one image.

        Raises:
            NoModality: the sample has no image of this modality.
            UnreadableImage: the file cannot be read.
        """
        if modality not in self.images:
            raise NoModality(
                f"{self._label()} has no {modality} image, only {subset_name(self.images)}; "
                "ask for one that is in its mask"
            )
        source = self.images[modality]
        if isinstance(source, bytes):
            return source
        try:
            return source.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: no file can have such a name
            reason = error.strerror if isinstance(error, OSError) else error
            raise UnreadableImage(
                f"{source} cannot be read ({reason}); check that the file exists and may be read"
            ) from error

    def _label(self) -> str:
        return f"sample {self.name}" if self.name else "the sample"
