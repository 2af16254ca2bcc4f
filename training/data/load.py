"""Data sets by name."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from training.data.dataset import Dataset
from training.data.manifest import load_manifest
from training.data.public_set import load_public_set
from vreid.errors import DatasetError
from vreid.layouts.public_sets import PUBLIC_SETS

DATASETS = (*PUBLIC_SETS, "manifest", "vehicles_two_camera")
"""What `load_dataset` knows, by name."""

SPLITS = Path(__file__).parents[1] / "configs" / "splits"


def load_dataset(name: str, root: Path | str, split: Path | None = None) -> Dataset:
    """Loads a data set by name; no image is opened.

    The public sets by their names; "manifest", any CSV or JSONL manifest; "vehicles_two_camera",
    the manifest of real photographs with the repository's own split of its identities.

    Args:
        name: one of `DATASETS`.
        root: its folder, or the manifest file.
        split: a split file, for manifests only.

    Raises:
        DatasetError: no such name, or the data at `root` is not laid out as that name says.
    """
    loaders: dict[str, Callable[[], Dataset]] = {
        **{each: partial(load_public_set, each, Path(root)) for each in PUBLIC_SETS},
        "manifest": lambda: load_manifest(Path(root), split),
        "vehicles_two_camera": lambda: load_manifest(
            Path(root), split or SPLITS / "vehicles_two_camera.json"
        ),
    }
    if name not in DATASETS:
        raise DatasetError(f"no data set is called {name!r}; use one of {', '.join(DATASETS)}")
    if split is not None and name in PUBLIC_SETS:
        raise DatasetError(f"{name} carries its own split; leave the split file out")
    return replace(loaders[name](), name=name)
