"""What a gallery holds: one sighting of one vehicle, as it is handed in and as it is stored."""

from __future__ import annotations

import json
import math
import re
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRecord
from vreid.modality import MODALITIES, Modality

AttributeValue: TypeAlias = str | int | float | bool

MAX_LABEL_LENGTH = 256
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_NAME_LENGTH = 64
MAX_ATTRIBUTES_BYTES = 16 * 1024
MAX_ATTRIBUTE_INTEGER = 2**53

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")


@dataclass(frozen=True, slots=True, eq=False)
class NewRecord:
    """A record before it is stored; building one validates it.

    `features` is (3, D), the branches' output in the order RGB, NIR, TIR; it is kept as float16,
    and rows of missing modalities become zero. `mask` is (3,) bool. `id` is made when it is None.
    `captured_at` must carry a time zone and becomes UTC. `thumbnails` are encoded JPEG files.
    `source` is each original image's path below the source that was indexed, empty when the images
    came with a request. `content_hash` is of the images and what says which sighting they are,
    `images_hash` of the images alone: by it, `relabel` finds a record whose labels are others.
    `crops` are the images as they were sent, where they are to be kept, and `tir_palette` what was
    said about the thermal one's colours: what another model needs to embed the record again.

    Raises `InvalidRecord` with a sentence that names the field.
    """

    features: NDArray[np.floating] = field(repr=False)
    mask: NDArray[np.bool_]
    id: str | None = None
    identity: str | None = None
    camera: str | None = None
    scene: str | None = None
    captured_at: datetime | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    content_hash: str | None = None
    images_hash: str | None = None
    source: Mapping[Modality, str] = field(default_factory=dict)
    thumbnails: Mapping[Modality, bytes] = field(default_factory=dict, repr=False)
    crops: Mapping[Modality, bytes] = field(default_factory=dict, repr=False)
    tir_palette: str | None = None

    def __post_init__(self) -> None:
        mask = checked_mask(self.mask)
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "features", checked_features(self.features, mask))
        if self.id is not None:
            check_id(self.id)
        labels = Labels(self.identity, self.camera, self.scene, self.captured_at, self.attributes)
        object.__setattr__(self, "captured_at", labels.captured_at)
        object.__setattr__(self, "attributes", labels.attributes)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A stored record. `features` is (3, D) float16, `mask` (3,) bool, both read-only.

    `sequence` is the number of the change that stored it: records of a gallery are ordered by it.
    """

    sequence: int
    id: str
    identity: str | None
    camera: str | None
    scene: str | None
    captured_at: datetime | None
    attributes: Mapping[str, AttributeValue]
    mask: NDArray[np.bool_]
    features: NDArray[np.float16] = field(repr=False)
    content_hash: str | None
    source: Mapping[Modality, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DamagedRecord:
    """A stored record that cannot be read, and why; `id` may be damaged too."""

    sequence: int
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Labels:
    """What is told about a sighting, besides its images; building one validates it.

    Raises `InvalidRecord` with a sentence that names the field.
    """

    identity: str | None = None
    camera: str | None = None
    scene: str | None = None
    captured_at: datetime | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("identity", "camera", "scene"):
            check_label(name, getattr(self, name))
        object.__setattr__(self, "captured_at", checked_time(self.captured_at))
        object.__setattr__(self, "attributes", checked_attributes(self.attributes))


def make_id() -> str:
    """A new id: a version 7 UUID, so that ids made later sort later."""
    milliseconds = time.time_ns() // 1_000_000
    high = (milliseconds << 16) | 0x7000 | secrets.randbits(12)
    low = (0b10 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=(high << 64) | low))


def check_id(record_id: str) -> None:
    """Raise `InvalidRecord` unless the id can stand in a URL path and in a file name."""
    if not isinstance(record_id, str) or not _ID.fullmatch(record_id):
        raise InvalidRecord(
            f"The id {_shown(record_id)} cannot be used; an id has 1 to 128 characters out of "
            "letters, digits "
            "and . _ : @ - and begins with a letter or a digit."
        )


def check_label(name: str, value: str | None) -> None:
    """Raise `InvalidRecord` unless the identity, camera or scene is a short line of text."""
    if value is None:
        return
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_LABEL_LENGTH:
        raise InvalidRecord(
            f"The {name} {_shown(value)} cannot be used; give a text of 1 to {MAX_LABEL_LENGTH} "
            "characters "
            "or leave it out."
        )
    if not value.isprintable():
        raise InvalidRecord(f"The {name} {_shown(value)} has control characters; remove them.")


def checked_time(value: datetime | None) -> datetime | None:
    """The same instant in UTC; a time without a zone is refused, because it names no instant."""
    if value is None:
        return None
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidRecord(
            f"captured_at {value.isoformat()} has no time zone; add one, as in "
            f"{value.isoformat()}Z for UTC."
        )
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidRecord(
            f"captured_at {value.isoformat()} lies outside the years 1 to 9999 in UTC; correct it."
        ) from None


def checked_attributes(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """A copy of the attributes: flat, with text, finite numbers or booleans as values."""
    if not isinstance(attributes, Mapping):
        raise InvalidRecord(
            'attributes must be an object of names and values, as in {"colour": "red"}.'
        )
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidRecord(
            f"{len(attributes)} attributes are too many; keep at most {MAX_ATTRIBUTES} a record."
        )
    for name, value in attributes.items():
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_ATTRIBUTE_NAME_LENGTH:
            raise InvalidRecord(
                f"The attribute name {_shown(name)} cannot be used; "
                f"give a text of 1 to {MAX_ATTRIBUTE_NAME_LENGTH} characters."
            )
        if not is_attribute_value(value):
            raise InvalidRecord(
                f"The attribute {name!r} has the value {_shown(value)}; give a text, a finite "
                "number or a "
                "boolean (lists and objects are not stored)."
            )
    copied = dict(attributes)
    try:
        encoded = json.dumps(copied, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidRecord(
            "An attribute holds text that is not valid Unicode; correct its encoding."
        ) from None
    if len(encoded) > MAX_ATTRIBUTES_BYTES:
        raise InvalidRecord(
            f"The attributes take {len(encoded)} bytes as JSON; keep them under "
            f"{MAX_ATTRIBUTES_BYTES}."
        )
    return copied


def is_attribute_value(value: object) -> bool:
    """Whether the value may stand in `attributes`: text, boolean or a number JSON keeps."""
    if isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_ATTRIBUTE_INTEGER
    return isinstance(value, float) and math.isfinite(value)


def checked_mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A read-only copy of the mask with shape (3,) and at least one modality."""
    copied = np.array(mask)
    if copied.shape != (len(MODALITIES),) or copied.dtype != np.bool_:
        raise InvalidRecord(
            f"The mask has shape {copied.shape} and type {copied.dtype}; it must be "
            f"{len(MODALITIES)} booleans, "
            "one for each of RGB, NIR and TIR."
        )
    if not copied.any():
        raise InvalidRecord("The mask names no modality; give at least one image.")
    copied.setflags(write=False)
    return copied


def checked_features(
    features: NDArray[np.floating], mask: NDArray[np.bool_]
) -> NDArray[np.float16]:
    """A read-only float16 copy of the features, zero where the mask is False."""
    given = np.asarray(features)
    if given.ndim != 2 or given.shape[0] != len(MODALITIES) or given.shape[1] == 0:
        raise InvalidRecord(
            f"The features have shape {given.shape}; give (3, D), one row for each of RGB, NIR "
            "and TIR."
        )
    stored = np.zeros(given.shape, dtype=np.float16)
    with np.errstate(over="ignore", invalid="ignore"):
        stored[mask] = given[mask]
    for modality in MODALITIES:
        row = stored[modality.index]
        if not mask[modality.index]:
            continue
        if not np.isfinite(row).all():
            raise InvalidRecord(
                f"The {modality} features are not finite numbers that float16 can hold; embed the "
                "image again."
            )
        if not row.any():
            raise InvalidRecord(
                f"The {modality} features are all zero, so they have no direction; embed the "
                "image again."
            )
    stored.setflags(write=False)
    return stored


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
