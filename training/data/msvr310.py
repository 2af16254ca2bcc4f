"""MSVR310 as a data set to train on and to measure with.

The synthetic generator writes this layout too.
"""

from dataclasses import replace
from pathlib import Path

from training.data.dataset import Dataset
from vreid.errors import DatasetError
from vreid.layouts.msvr310 import GALLERY, NAME_PATTERN, QUERY, TRAIN, read_samples
from vreid.sample import Sample


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
    return [_checked(folder, sample) for sample in read_samples(folder)]


def _checked(folder: Path, sample: Sample) -> Sample:
    """Labels decide what is measured, so a name that does not give them is refused here."""
    path = next(iter(sample.images.values()))
    assert isinstance(path, Path)
    match = NAME_PATTERN.fullmatch(path.name)
    if match is None or match["identity"] != sample.identity:
        raise DatasetError(
            f"{path} is not named as MSVR310 names images of this folder: "
            f"expected {sample.identity}_s<3 digits>_v<1 digit>_<3 digits>.jpg"
        )
    return replace(sample, name=f"{folder.name}/{sample.name}")
