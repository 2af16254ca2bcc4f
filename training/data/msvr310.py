"""MSVR310: `{bounding_box_train,bounding_box_test,query3}/<identity>/{vis,ni,th}/NAME.jpg`.

NAME is `<identity>_s<scene>_v<view>_<index>` and the same in all three modality folders. The
synthetic generator writes this layout too.
"""

import re
from pathlib import Path

from training.data.dataset import Dataset
from vreid.errors import DatasetError
from vreid.modality import Modality
from vreid.sample import Sample

FOLDERS = {Modality.RGB: "vis", Modality.NIR: "ni", Modality.TIR: "th"}
TRAIN, GALLERY, QUERY = "bounding_box_train", "bounding_box_test", "query3"

_NAME = re.compile(r"^(\d{4})_s(\d{3})_v(\d)_(\d{3})\.jpg$")


def load_msvr310(root: Path) -> Dataset:
    """Lists the samples of an MSVR310 tree; no image is opened.

    Identity and scene are the digits of the names ("0001", "002"); the view is an attribute.

    Raises:
        DatasetError: the tree is not laid out as expected.
    """
    missing = [name for name in (TRAIN, GALLERY, QUERY) if not (root / name).is_dir()]
    if missing:
        found = sorted(path.name for path in root.iterdir())[:8] if root.is_dir() else []
        raise DatasetError(
            f"{root} is no MSVR310 tree: expected the folders {TRAIN}, {GALLERY} and {QUERY}, "
            f"found {', '.join(found) or 'nothing'}; give the folder that holds those three"
        )
    return Dataset(
        name="msvr310",
        train=_samples_of(root / TRAIN),
        query=_samples_of(root / QUERY),
        gallery=_samples_of(root / GALLERY),
        junk="scene",
    )


def _samples_of(folder: Path) -> list[Sample]:
    identities = sorted(path for path in folder.iterdir() if path.is_dir())
    samples = [sample for identity in identities for sample in _samples_of_identity(identity)]
    if not samples:
        raise DatasetError(
            f"{folder} holds no sample: expected <identity>/{{vis,ni,th}}/NAME.jpg below it"
        )
    return samples


def _samples_of_identity(folder: Path) -> list[Sample]:
    images: dict[str, dict[Modality, Path]] = {}
    for modality, name in FOLDERS.items():
        for path in sorted((folder / name).glob("*.jpg")):
            images.setdefault(path.name, {})[modality] = path
    if not images:
        found = sorted(path.name for path in folder.iterdir())[:8]
        raise DatasetError(
            f"{folder} holds no image: expected the folders vis, ni and th with .jpg files, "
            f"found {', '.join(found) or 'nothing'}"
        )
    return [_sample(folder, name, images[name]) for name in sorted(images)]


def _sample(folder: Path, name: str, images: dict[Modality, Path]) -> Sample:
    match = _NAME.match(name)
    if match is None or match[1] != folder.name:
        raise DatasetError(
            f"{next(iter(images.values()))} is not named as MSVR310 names images of this folder: "
            f"expected {folder.name}_s<3 digits>_v<1 digit>_<3 digits>.jpg"
        )
    return Sample(
        images=images,
        identity=match[1],
        scene=match[2],
        attributes={"view": match[3]},
        name=f"{folder.parent.name}/{folder.name}/{name}",
    )
