"""The public data sets to train on and to measure with."""

from dataclasses import replace
from pathlib import Path

from training.data.dataset import Dataset
from vreid.errors import DatasetError
from vreid.layouts.public_sets import MEASURED, MSVR310, PUBLIC_SETS, WMVEID863, PublicSet
from vreid.metrics import Junk
from vreid.sample import Sample

_JUNK: dict[str, Junk] = {
    MSVR310.name: "scene",
    WMVEID863.name: "view",
}


def junk_rule(public_set: PublicSet) -> Junk:
    """Which shared field makes a gallery sample of the query's identity junk."""
    return _JUNK.get(public_set.name, "camera")


def load_public_set(name: str, root: Path) -> Dataset:
    """Lists the samples of a public data set; no image is opened.

    Identity, camera and scene are the digits of the names ("0001", "002"); the view is an
    attribute. An identity may stand in training and test alike where the set has it so. A copy
    whose training folder is absent or empty has no training samples and can be measured with.

    Args:
        name: one of `PUBLIC_SETS`.
        root: the folder that holds the splits, or the folder above it that some copies have.

    Raises:
        DatasetError: the folder is not laid out as this set is, or a name says something else than
            its folder; labels decide what is measured, so such a name is not passed over.
    """
    public_set = PUBLIC_SETS[name]
    folders = {
        split: folder
        for split, folder in public_set.folders_at(root).items()
        if split in MEASURED or any(folder.iterdir())
    }
    samples = {
        folder: _samples_of(public_set, folder) for folder in dict.fromkeys(folders.values())
    }
    return Dataset(
        name=name,
        train=samples[folders["train"]] if "train" in folders else [],
        query=samples[folders["query"]],
        gallery=samples[folders["gallery"]],
        junk=junk_rule(public_set),
    )


def _samples_of(public_set: PublicSet, folder: Path) -> list[Sample]:
    samples = listed_samples(public_set, folder)
    for sample in samples:
        if (problem := public_set.naming_problem(sample)) is not None:
            raise DatasetError(
                f"{problem}; rename or remove it (`vreid datasets check` counts such files)"
            )
    if not samples:
        raise DatasetError(
            f"{folder} holds no pictures; {public_set.title} has {public_set.arrangement.expected}"
        )
    return samples


def listed_samples(public_set: PublicSet, folder: Path) -> list[Sample]:
    """The samples of a split's folder, whatever their names, each called by its split as well.

    Raises:
        DatasetError: the folder is not arranged as the set's are.
    """
    return [
        replace(sample, name=f"{folder.name}/{sample.name}")
        for sample in public_set.arrangement.read(folder)
    ]
