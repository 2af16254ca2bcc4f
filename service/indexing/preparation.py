"""One sample's way from files to a network's input; runs in the job's threads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import GalleryError
from service.indexing.decoding_budget import DecodingBudget
from service.indexing.source import SourceItem
from service.indexing.thumbnails import make_thumbnail, smallest_decoded
from vreid.decoding import ImageLimits, Pixels, declared_pixels, decode_image
from vreid.errors import VreidError
from vreid.image_source import ImageSource, Tile
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, branch_pixels
from vreid.sample import Sample


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sample ready to be embedded; `inputs` are branch pixels, uint8 (H, W, 3).

    `crops` are its encoded images where they are to be kept; a tile is a PNG file of its own.
    """

    label: str
    sample: Sample
    id: str | None
    content_hash: str
    images_hash: str
    inputs: Mapping[Modality, NDArray[np.uint8]]
    thumbnails: Mapping[Modality, bytes]
    crops: Mapping[Modality, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sample whose content the gallery has already."""

    label: str


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A sample whose images the gallery has, as the record `id`, under other labels."""

    label: str
    sample: Sample
    id: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A sample that cannot be indexed; `modality` names the image at fault, if it is one."""

    label: str
    reason: str
    modality: Modality | None = None


Outcome: TypeAlias = Prepared | Skipped | Relabelled | Rejected


def prepare(
    item: SourceItem,
    preprocessing: Preprocessing,
    limits: ImageLimits,
    is_known: Callable[[str], bool],
    ids_with_images: Callable[[str], Sequence[str]] = lambda images_hash: (),
    keep_crops: bool = False,
    budget: DecodingBudget | None = None,
) -> Outcome:
    """Read, hash, decode and resize one sample.

    `is_known` tells whether a record has the content hash; `ids_with_images` which records have
    the images, where labels are to be updated; `keep_crops` asks for the encoded images too; images
    are decoded within the `budget`, which calls at the same moment share.

    A sample with one bad image is rejected as a whole: a record with fewer modalities than its
    source would be found less well without anybody knowing. What goes wrong with one sample never
    ends the job; what goes wrong with the gallery, a `GalleryError`, does.
    """
    try:
        return _outcome(
            item,
            preprocessing,
            limits,
            is_known,
            ids_with_images,
            keep_crops,
            budget or DecodingBudget(),
        )
    except GalleryError:
        raise
    except Exception as error:
        return Rejected(
            item.label,
            f"it cannot be prepared ({type(error).__name__}: {error}); check its files",
        )


def _outcome(
    item: SourceItem,
    preprocessing: Preprocessing,
    limits: ImageLimits,
    is_known: Callable[[str], bool],
    ids_with_images: Callable[[str], Sequence[str]],
    keep_crops: bool,
    budget: DecodingBudget,
) -> Outcome:
    if item.sample is None:
        return Rejected(item.label, item.problem or "it has no sample")
    contents: dict[Modality, bytes] = {}
    for modality in item.sample.images:
        try:
            contents[modality] = item.sample.content(modality)
        except VreidError as error:
            return Rejected(item.label, str(error), modality)
    content_hash = hash_content(item.id, item.sample, contents)
    if is_known(content_hash):
        return Skipped(item.label)
    images_hash = hash_images(contents)
    same = [each for each in ids_with_images(images_hash) if item.id in (None, each)]
    if len(same) > 1:
        return Rejected(
            item.label,
            f"{len(same)} records have its images ({', '.join(same[:3])}); give the id of the one "
            "to update",
        )
    if same:
        return Relabelled(item.label, item.sample, same[0], content_hash)
    largest = 0
    for modality, content in contents.items():
        try:
            largest = max(largest, declared_pixels(content, limits))
        except VreidError as error:
            return Rejected(item.label, str(error), modality)
    # One after the other, so the largest decides.
    with budget.of(largest):
        return _decoded_outcome(
            item,
            item.sample,
            contents,
            content_hash,
            images_hash,
            preprocessing,
            limits,
            keep_crops,
        )


def _decoded_outcome(
    item: SourceItem,
    sample: Sample,
    contents: Mapping[Modality, bytes],
    content_hash: str,
    images_hash: str,
    preprocessing: Preprocessing,
    limits: ImageLimits,
    keep_crops: bool,
) -> Prepared | Rejected:
    inputs, thumbnails, crops = {}, {}, {}
    wholes: dict[Path, Pixels] = {}
    for modality, source in sample.images.items():
        try:
            pixels = _decoded(source, contents[modality], limits, preprocessing, wholes)
            inputs[modality] = branch_pixels(pixels, modality, preprocessing)
            thumbnails[modality] = make_thumbnail(pixels, modality, preprocessing)
        except VreidError as error:
            return Rejected(item.label, str(error), modality)
        if keep_crops:
            is_tile = isinstance(source, Tile)
            crops[modality] = _as_png(pixels) if is_tile else contents[modality]
    return Prepared(
        item.label, sample, item.id, content_hash, images_hash, inputs, thumbnails, crops
    )


def _as_png(pixels: Pixels) -> bytes:
    encoded = BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


def _decoded(
    source: ImageSource,
    content: bytes,
    limits: ImageLimits,
    preprocessing: Preprocessing,
    wholes: dict[Path, Pixels],
) -> Pixels:
    """An image's pixels; `wholes` keeps the files with tiles that were decoded for the sample."""
    if not isinstance(source, Tile):
        return decode_image(content, limits, smallest_decoded(preprocessing))
    if source.path not in wholes:
        wholes[source.path] = source.decoded(limits)
    return source.cut(wholes[source.path])


def hash_content(record_id: str | None, sample: Sample, contents: Mapping[Modality, bytes]) -> str:
    """SHA-256 over the images' contents and over what says which sighting they are.

    The same picture under another identity, camera, scene, time or explicit id is another record;
    attributes do not count, and neither does the time zone in which the time is written.
    """
    told = [
        record_id,
        sample.identity,
        sample.camera,
        sample.scene,
        None if sample.captured_at is None else _moment(sample.captured_at),
    ]
    digest = hashlib.sha256(json.dumps(told).encode())
    for modality, data in contents.items():
        digest.update(f"\n{modality} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def hash_images(contents: Mapping[Modality, bytes]) -> str:
    """SHA-256 over the images' contents alone, in the order RGB, NIR, TIR."""
    digest = hashlib.sha256()
    for modality in MODALITIES:
        if (data := contents.get(modality)) is not None:
            digest.update(f"{modality} {len(data)}\n".encode())
            digest.update(data)
    return digest.hexdigest()


def _moment(time: datetime) -> str:
    try:
        moment = time if time.utcoffset() is None else time.astimezone(UTC)
    except OverflowError:
        moment = time
    # Times without a zone or out of range are refused with a reason when the record is made.
    return moment.isoformat()
