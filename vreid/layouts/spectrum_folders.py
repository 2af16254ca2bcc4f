"""The layout ``{RGB,NI,TI}/NAME`` of RGBNT201."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vreid.errors import DatasetError
from vreid.layouts.image_names import named_sample
from vreid.layouts.paired_names import paired_by_name
from vreid.modality import Modality
from vreid.sample import Sample

FOLDERS = {Modality.RGB: "RGB", Modality.NIR: "NI", Modality.TIR: "TI"}


@dataclass(frozen=True)
class SpectrumFolders:
    """A folder for each modality, the same NAME in all three.

    Attributes:
        pattern: of the file names, see `vreid.layouts.image_names.named_sample`.
    """

    pattern: re.Pattern[str]
    expected = "{RGB,NI,TI}/NAME"

    def holds(self, folder: Path) -> bool:
        """Whether NI or TI is there; a folder RGB alone is what any archive may have."""
        return any((folder / FOLDERS[each]).is_dir() for each in (Modality.NIR, Modality.TIR))

    def read(self, folder: Path) -> Iterator[Sample]:
        """Every sample below the folder, sorted by name; no image is opened.

        Raises:
            DatasetError: nothing below the folder is laid out like this.
        """
        if not any((folder / name).is_dir() for name in FOLDERS.values()):
            raise DatasetError(f"{folder} holds none of the folders {', '.join(FOLDERS.values())}")
        folders = {modality: folder / name for modality, name in FOLDERS.items()}
        for name, images in paired_by_name(folders).items():
            file_name = next(iter(images.values())).name
            yield named_sample(images, file_name, (self.pattern,), name=name)
