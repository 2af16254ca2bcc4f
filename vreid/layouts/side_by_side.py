"""The layout of RGBNT100 and RGBN300: the spectra of a sample side by side in one file."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vreid.decoding import declared_size
from vreid.errors import DatasetError, ImageError
from vreid.image_source import Tile, read_file
from vreid.layouts.image_names import named_sample, pictures_in
from vreid.modality import Modality
from vreid.sample import Sample

TILE_SIZE = (256, 128)
"""Width and height of each picture in the data sets themselves."""

_ASPECT = TILE_SIZE[0] / TILE_SIZE[1]
_OPENED = 8


@dataclass(frozen=True)
class SideBySide:
    """Files in one folder, each with the pictures of all modalities from left to right.

    Attributes:
        pattern: of the file names, see `vreid.layouts.image_names.named_sample`.
        modalities: of the tiles, from left to right.
    """

    pattern: re.Pattern[str]
    modalities: tuple[Modality, ...]
    expected = "NAME, the spectra side by side in each file"

    @property
    def file_size(self) -> tuple[int, int]:
        """Width and height that a file of the data set has."""
        return TILE_SIZE[0] * len(self.modalities), TILE_SIZE[1]

    def holds(self, folder: Path) -> bool:
        """Whether files are named like this and as wide as so many tiles.

        This reads the headers of the first files, until one is a picture: names alone do not tell
        two tiles from three.
        """
        if not folder.is_dir():
            return False
        named = (path for path in folder.iterdir() if self.pattern.fullmatch(path.name))
        for path in islice(named, _OPENED):
            with suppress(ImageError):
                width, height = declared_size(read_file(path))
                return width == height * _ASPECT * len(self.modalities)
        return False

    def read(self, folder: Path) -> Iterator[Sample]:
        """Every file as a sample, sorted by name; no image is opened.

        Raises:
            DatasetError: there are no pictures in the folder.
        """
        files = pictures_in(folder)
        if not files:
            raise DatasetError(f"{folder} holds no pictures; give the folder that does")
        count = len(self.modalities)
        for path in files:
            images = {
                modality: Tile(path, index, count, _ASPECT)
                for index, modality in enumerate(self.modalities)
            }
            yield named_sample(images, path.name, (self.pattern,), name=path.stem)
