"""The layout ``<identity>/{vis,ni,th}/NAME`` of MSVR310 and WMVeID863."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vreid.errors import DatasetError
from vreid.layouts.image_names import named_sample
from vreid.layouts.paired_names import paired_by_name
from vreid.modality import Modality
from vreid.sample import Sample

FOLDERS = {Modality.RGB: "vis", Modality.NIR: "ni", Modality.TIR: "th"}


@dataclass(frozen=True)
class IdentityFolders:
    """A folder for each identity, in it one for each modality, the same NAME in all three.

    Attributes:
        patterns: of the file names, see `vreid.layouts.image_names.named_sample`.
    """

    patterns: tuple[re.Pattern[str], ...]
    expected = "<identity>/{vis,ni,th}/NAME"

    def holds(self, folder: Path) -> bool:
        """Whether some folder directly below holds one of the folders vis, ni, th."""
        return folder.is_dir() and any(map(_is_identity, folder.iterdir()))

    def read(self, folder: Path) -> Iterator[Sample]:
        """Every sample below the folder, sorted by identity and name; no image is opened.

        ``identity`` is the name of the identity's folder, ``name`` the path below the folder.

        Raises:
            DatasetError: nothing below the folder is laid out like this.
        """
        identities = sorted(filter(_is_identity, folder.iterdir()))
        if not identities:
            raise DatasetError(
                f"{folder} holds no <identity>/{{vis,ni,th}} folders; give the folder that does"
            )
        for identity in identities:
            folders = {modality: identity / name for modality, name in FOLDERS.items()}
            for name, images in paired_by_name(folders).items():
                file_name = next(iter(images.values())).name
                yield named_sample(
                    images,
                    file_name,
                    self.patterns,
                    name=f"{identity.name}/{name}",
                    identity=identity.name,
                )


def _is_identity(folder: Path) -> bool:
    return folder.is_dir() and any((folder / name).is_dir() for name in FOLDERS.values())
