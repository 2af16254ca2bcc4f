"""Finding the images of a record again: kept in the gallery, or in the files it was indexed from.

Images of files are taken only when they are those that were indexed, by their SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.indexing.preparation import hash_content, hash_images
from service.indexing.thumbnails import smallest_decoded
from service.reindexing.sightings import Sighting
from vreid.decoding import LARGEST_MAX_PIXELS, ImageLimits, decode_image
from vreid.errors import VreidError
from vreid.image_source import Tile, read_file
from vreid.modality import Modality, modalities_of
from vreid.preprocessing import Preprocessing, branch_pixels
from vreid.sample import Sample

# Whatever is in the gallery has been accepted once.
_LIMITS = ImageLimits(max_bytes=2**31, max_pixels=LARGEST_MAX_PIXELS)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ImagesMissing(Exception):
    """The images of a record are nowhere to be found; the message says what to do."""


@dataclass(frozen=True, slots=True)
class FoundImages:
    """Encoded images of a record.

    `tiles` says which part of its image a modality is, where it is not the whole.
    """

    images: Mapping[Modality, bytes] = field(repr=False)
    tir_palette: str | None = None
    tiles: Mapping[Modality, Tile] = field(default_factory=dict)


def find_images(sighting: Sighting, sources: Sequence[Path]) -> FoundImages:
    """A record's images: those that were kept, else those below one of the sources.

    Raises `ImagesMissing`.
    """
    present = modalities_of(sighting.mask)
    kept = sighting.crops
    if set(kept.images) == set(present) and not kept.damaged:
        return FoundImages(kept.images, kept.tir_palette)
    damage = f"its kept {' and '.join(kept.damaged)} image is damaged, and " if kept.damaged else ""
    if not set(present) <= set(sighting.source):
        raise ImagesMissing(
            f"{damage}its images are kept nowhere: it was not indexed from files; enrol its "
            "images again, or leave it out with --drop-missing"
        )
    first = sighting.source[present[0]]
    if not sources:
        raise ImagesMissing(
            f"{damage}its images were indexed from {first}; name the folder that was indexed with "
            "--source"
        )
    seen = False
    for root in sources:
        folder = root if root.is_dir() else root.parent
        try:
            files = {each: read_file(folder / sighting.source[each]) for each in present}
        except VreidError:
            continue
        seen = True
        for found in _readings(sighting, files):
            return found
    if seen:
        raise ImagesMissing(
            f"{damage}the images at {first} are not those that were indexed (their SHA-256 is "
            "another); put the old files back, or leave the record out with --drop-missing"
        )
    raise ImagesMissing(
        f"{damage}{first} is below none of the folders given with --source; name the folder that "
        "was indexed, or leave the record out with --drop-missing"
    )


def branch_inputs(
    found: FoundImages, preprocessing: Preprocessing
) -> dict[Modality, NDArray[np.uint8]]:
    """The branch pixels (H, W, 3) of each modality. Raises `VreidError` for what cannot be used."""
    inputs = {}
    for modality, data in found.images.items():
        is_tile = modality in found.tiles
        pixels = decode_image(data, _LIMITS, None if is_tile else smallest_decoded(preprocessing))
        if is_tile:
            pixels = found.tiles[modality].cut(pixels)
        palette = found.tir_palette if modality is Modality.TIR else None
        inputs[modality] = branch_pixels(pixels, modality, preprocessing, palette)
    return inputs


def _readings(sighting: Sighting, files: Mapping[Modality, bytes]) -> Iterator[FoundImages]:
    """Whole files, or tiles of one file, as far as they are what was indexed."""
    is_same = _comparison(sighting)
    if is_same(files):
        yield FoundImages(files)
    if len(files) == 1 or len({sighting.source[each] for each in files}) > 1:
        return
    count = len(files)
    for order in permutations(files):
        contents = {
            each: files[each] + f"\ntile {order.index(each)} of {count}".encode() for each in files
        }
        if is_same(contents):
            path = Path(sighting.source[order[0]])
            tiles = {each: Tile(path, index, count) for index, each in enumerate(order)}
            yield FoundImages(files, tiles=tiles)


def _comparison(sighting: Sighting) -> Callable[[Mapping[Modality, bytes]], bool]:
    """What tells whether images are those that were indexed."""
    wanted = sighting.images_hash
    if wanted is not None:
        return lambda contents: hash_images(contents) == wanted
    # The first schema kept the hash that covers the labels too, with the id where one was asked.
    captured_at = sighting.told("captured_at")
    sample = Sample(
        dict.fromkeys(sighting.source, b""),
        sighting.told("identity"),
        sighting.told("camera"),
        sighting.told("scene"),
        None if captured_at is None else _EPOCH + timedelta(microseconds=captured_at),
    )
    stored = sighting.told("content_hash")
    return lambda contents: any(
        hash_content(record_id, sample, contents) == stored for record_id in (None, sighting.id)
    )
