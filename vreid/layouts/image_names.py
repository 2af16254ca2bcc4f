"""What the file names of the public data sets say, and how they become a sample's labels."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from vreid.image_source import ImageSource
from vreid.modality import Modality
from vreid.sample import Sample

PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"])
"""What counts as a picture; data sets also carry lists, readme files and thumbnail caches."""

_FIELDS = ("identity", "camera", "scene")


def pictures_in(folder: Path) -> list[Path]:
    """The picture files directly in a folder, sorted by name; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


def named_sample(
    images: Mapping[Modality, ImageSource],
    file_name: str,
    patterns: Sequence[re.Pattern[str]],
    name: str,
    identity: str | None = None,
) -> Sample:
    """A sample with the labels that its file name gives; without any where no pattern fits.

    Args:
        images: of the sample.
        file_name: of one of its images.
        patterns: the first that fits the whole name counts; of its groups, identity, camera and
            scene become fields of the sample, index is left out, others become attributes.
        name: of the sample.
        identity: where a folder gives it; the file name otherwise.
    """
    matches = (pattern.fullmatch(file_name) for pattern in patterns)
    match = next((match for match in matches if match is not None), None)
    told = {} if match is None else match.groupdict()
    return Sample(
        images=images,
        identity=identity or told.get("identity"),
        camera=told.get("camera"),
        scene=told.get("scene"),
        attributes={key: value for key, value in told.items() if key not in (*_FIELDS, "index")},
        name=name,
    )
