"""Pictures of one sample have one name, each in the folder of its modality.

They are paired by name, never by position: a name that stands in one folder only is a sample with
missing modalities.
"""

from collections.abc import Mapping
from pathlib import Path

from vreid.layouts.image_names import pictures_in
from vreid.modality import Modality


def paired_by_name(folders: Mapping[Modality, Path]) -> dict[str, dict[Modality, Path]]:
    """The pictures of each name, sorted by name; a folder may be absent.

    The name is that of the file without its ending, so that formats may differ between
    modalities. A second picture of the same name in one folder is a sample of its own, called by
    the whole name.
    """
    images: dict[str, dict[Modality, Path]] = {}
    for modality, folder in folders.items():
        for path in pictures_in(folder):
            name = path.name if modality in images.get(path.stem, {}) else path.stem
            images.setdefault(name, {})[modality] = path
    return dict(sorted(images.items()))
