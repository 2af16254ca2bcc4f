"""The folder layout of MSVR310: ``<identity>/{vis,ni,th}/NAME``, the same NAME in all three.

NAME is ``<identity>_s<scene>_v<view>_<index>.jpg`` in MSVR310 itself; scene and view are taken
from it where it has that form. WMVeID863 has the same folders and other names. Samples are paired
by name, never by position: a name that stands in one folder only is a sample with missing
modalities.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from vreid.errors import DatasetError
from vreid.modality import Modality
from vreid.sample import AttributeValue, Sample

FOLDERS = {Modality.RGB: "vis", Modality.NIR: "ni", Modality.TIR: "th"}
TRAIN, GALLERY, QUERY = "bounding_box_train", "bounding_box_test", "query3"

NAME_PATTERN = re.compile(
    r"(?P<identity>\d{4})_s(?P<scene>\d{3})_v(?P<view>\d)_(?P<index>\d{3})\.jpg"
)
"""The data set's own file names."""


def is_identity_tree(folder: Path) -> bool:
    """Whether some folder directly below holds one of the folders vis, ni, th."""
    return any(
        (below / name).is_dir()
        for below in folder.iterdir()
        if below.is_dir()
        for name in FOLDERS.values()
    )


def read_samples(folder: Path) -> Iterator[Sample]:
    """Every sample of ``<identity>/{vis,ni,th}/NAME`` below the folder; no image is opened.

    Sorted by identity and name. ``identity`` is the folder's name, ``name`` the path below it.

    Raises:
        DatasetError: nothing below the folder is laid out like this.
    """
    identities = sorted(
        below
        for below in folder.iterdir()
        if below.is_dir() and any((below / name).is_dir() for name in FOLDERS.values())
    )
    if not identities:
        raise DatasetError(
            f"{folder} holds no <identity>/{{vis,ni,th}} folders; give the folder that does"
        )
    for identity in identities:
        yield from _samples_of(identity)


def _samples_of(folder: Path) -> Iterator[Sample]:
    images: dict[str, dict[Modality, Path]] = {}
    for modality, kind in FOLDERS.items():
        below = folder / kind
        for path in sorted(below.iterdir()) if below.is_dir() else ():
            if path.is_file() and not path.name.startswith("."):
                # The same name in another format is a picture of its own.
                name = path.name if modality in images.get(path.stem, {}) else path.stem
                images.setdefault(name, {})[modality] = path
    for name in sorted(images):
        match = NAME_PATTERN.fullmatch(next(iter(images[name].values())).name)
        attributes: dict[str, AttributeValue] = {} if match is None else {"view": match["view"]}
        yield Sample(
            images=images[name],
            identity=folder.name,
            scene=None if match is None else match["scene"],
            attributes=attributes,
            name=f"{folder.name}/{name}",
        )
