"""Pictures of one sample stand beside each other: NAME_rgb, NAME_nir, NAME_tir.

In a folder of their own they may be called rgb, nir, tir alone. Any other name is RGB.
"""

from collections.abc import Iterable
from pathlib import Path

from vreid.modality import MODALITIES, Modality


def split_ending(path: Path) -> tuple[Path, Modality]:
    """The sample's name (the path without modality and file ending), and the modality."""
    for modality in MODALITIES:
        if path.stem.lower() == modality.value:
            return path.parent, modality
        ending = f"_{modality}"
        if path.stem.lower().endswith(ending) and len(path.stem) > len(ending):
            return path.with_name(path.stem[: -len(ending)]), modality
    return path.with_suffix(""), Modality.RGB


def samples_by_ending(paths: Iterable[Path]) -> dict[Path, dict[Modality, Path]]:
    """The pictures of each sample, in the order in which the first of each comes.

    A second picture of the same name and modality, in another format, is a sample of its own,
    called by its whole path.
    """
    samples: dict[Path, dict[Modality, Path]] = {}
    for path in paths:
        name, modality = split_ending(path)
        if modality in samples.get(name, {}):
            name = path
        samples.setdefault(name, {})[modality] = path
    return samples
