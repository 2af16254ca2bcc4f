"""A record as a row of the collection, and back.

No field is ever null, whose meaning in comparisons differs between servers: a missing label is the
empty text, which no label is, and a missing time is `NO_TIME`. Bytes are base64 texts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged, InvalidRecord
from service.gallery.columns.attribute_values import kind_of
from service.gallery.record import AttributeValue, Labels, NewRecord, Record, make_id
from service.gallery.store.rows import bits_mask, mask_bits, microseconds
from service.milvus.collection import CENTER, CONCATENATION, LONGEST_TEXT
from service.milvus.connection import KEY, Row
from vreid.fusion import l2_normalise, masked_center
from vreid.modality import MODALITIES, Modality

# Before every date; the least 64-bit number itself cannot be written in an expression of Milvus.
NO_TIME = -(2**62)
NO_LABEL = ""

LARGEST_THUMBNAIL = LONGEST_TEXT // 4 * 3
"""Bytes of a JPEG that fit into a text of Milvus as base64."""

RECORD_FIELDS = (
    "id",
    "sequence",
    "identity",
    "camera",
    "scene",
    "captured_at",
    "created_at",
    "attributes",
    "mask",
    "content_hash",
    "source",
    "features",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STORED = np.dtype("<f2")
# A sequence number is the time in microseconds, and so many random bits.
_RANDOM_BITS = 11


@dataclass(frozen=True, slots=True)
class Numbered:
    """A record that is about to be stored: its row's key and its sequence number."""

    key: str
    sequence: int


class Numbers:
    """Gives keys and sequence numbers: ascending in one process, by the clock between several."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self, count: int) -> list[Numbered]:
        """The numbers of so many records, in the order in which they are stored."""
        with self._lock:
            first = max(time.time_ns() // 1000, self._last + 1)
            self._last = first + count - 1
        return [_numbered(moment) for moment in range(first, first + count)]


def sequence_at(seconds: float) -> int:
    """A number above those of records that are stored up to a time, in seconds since 1970."""
    return (int(seconds * 1_000_000) + 1) << _RANDOM_BITS


def encode(new: NewRecord, number: Numbered, batch: str, now: datetime) -> Row:
    """The row of a new record. Raises `InvalidRecord` for what a text of Milvus cannot hold."""
    source = json.dumps({str(modality): path for modality, path in new.source.items()})
    features = _text(new.features[new.mask].astype(_STORED).tobytes())
    if len(features) > LONGEST_TEXT or len(source.encode()) > LONGEST_TEXT:
        raise InvalidRecord(
            f"The features or paths take more than the {LONGEST_TEXT} bytes of a text in Milvus; "
            "use a model with smaller features, or shorter paths."
        )
    vectors = {
        CENTER: masked_center(new.features[None], new.mask[None])[0],
        CONCATENATION: concatenation(new.features, new.mask),
    }
    return {
        KEY: number.key,
        "id": make_id() if new.id is None else new.id,
        "batch": batch,
        "sequence": number.sequence,
        "created_at": microseconds(now),
        "mask": mask_bits(new.mask),
        "source": source,
        "features": features,
        "images_hash": new.images_hash or "",
        **_labels(
            Labels(new.identity, new.camera, new.scene, new.captured_at, new.attributes),
            new.content_hash,
        ),
        **{f"thumbnail_{each}": _thumbnail(new, each) for each in MODALITIES},
        **vectors,
    }


def relabelled(
    row: Mapping[str, object], number: Numbered, labels: Labels, content_hash: str | None
) -> Row:
    """A stored row (all its fields) with other labels and another place in the order."""
    vectors = {name: np.asarray(row[name], dtype=np.float32) for name in (CENTER, CONCATENATION)}
    return {
        **row,
        **vectors,
        KEY: number.key,
        "sequence": number.sequence,
        **_labels(labels, content_hash),
    }


def decode(row: Mapping[str, object], feature_size: int) -> Record:
    """The record of a row with RECORD_FIELDS. Raises `GalleryDamaged` when it cannot be one."""
    try:
        mask = bits_mask(int(str(row["mask"])))
        told = decode_labels(row)
        return Record(
            sequence=int(str(row["sequence"])),
            id=str(row["id"]),
            identity=told.identity,
            camera=told.camera,
            scene=told.scene,
            captured_at=told.captured_at,
            attributes=told.attributes,
            mask=mask,
            features=_features(str(row["features"]), mask, feature_size),
            content_hash=str(row["content_hash"]) or None,
            source={Modality(name): file for name, file in json.loads(str(row["source"])).items()},
            created_at=_time(int(str(row["created_at"]))),
        )
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise GalleryDamaged(
            f"The record {row.get('id')!r} is not what vreid stored in Milvus ({error}); delete "
            "it, and index its pictures again."
        ) from error


def decode_labels(row: Mapping[str, object]) -> Labels:
    """What a row tells about its sighting."""
    captured_at = int(str(row["captured_at"]))
    return Labels(
        identity=str(row["identity"]) or None,
        camera=str(row["camera"]) or None,
        scene=str(row["scene"]) or None,
        captured_at=None if captured_at == NO_TIME else _time(captured_at),
        attributes=_attributes(row["attributes"]),
    )


def decode_thumbnail(text: str) -> bytes | None:
    """A thumbnail of a row, None where it has none."""
    return base64.b64decode(text) if text else None


def concatenation(features: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Features (3, D) as one unit vector (3 D,), zero where a modality is missing."""
    stacked = np.where(mask[:, None], features.astype(np.float64), 0.0)
    return l2_normalise(stacked.reshape(1, -1)).reshape(-1).astype(np.float32)


def word_of_name(name: str) -> str:
    """The word that a row has for an attribute of this name."""
    return _word("n", name)


def word_of_value(name: str, value: AttributeValue) -> str:
    """The word that a row has for an attribute with this value; equal numbers have one word."""
    kind = kind_of(value)
    shown = repr(float(value) + 0.0) if kind == "number" else str(value)
    return _word(kind[0], name, shown)


def _numbered(moment: int) -> Numbered:
    sequence = moment << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return Numbered(f"{sequence:016x}{secrets.token_hex(8)}", sequence)


def _labels(labels: Labels, content_hash: str | None) -> Row:
    return {
        "identity": labels.identity or NO_LABEL,
        "camera": labels.camera or NO_LABEL,
        "scene": labels.scene or NO_LABEL,
        "captured_at": (
            NO_TIME if labels.captured_at is None else microseconds(labels.captured_at)
        ),
        "attributes": dict(labels.attributes),
        "words": list(_words(labels.attributes)),
        "content_hash": content_hash or "",
    }


def _words(attributes: Mapping[str, AttributeValue]) -> Iterator[str]:
    for name, value in attributes.items():
        yield word_of_name(name)
        yield word_of_value(name, value)


def _word(*parts: str) -> str:
    """A short text for any texts: no character of theirs reaches an expression."""
    encoded = json.dumps(parts).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(encoded).digest()[:18]).decode()


def _thumbnail(new: NewRecord, modality: Modality) -> str:
    jpeg = new.thumbnails.get(modality, b"")
    if len(jpeg) > LARGEST_THUMBNAIL:
        raise InvalidRecord(
            f"The {modality} thumbnail has {len(jpeg)} bytes and Milvus holds {LARGEST_THUMBNAIL}; "
            "make it smaller."
        )
    return _text(jpeg)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _time(microsecond: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microsecond)


def _attributes(value: object) -> dict[str, AttributeValue]:
    read = json.loads(value) if isinstance(value, str | bytes) else value
    if not isinstance(read, dict):
        raise ValueError("its attributes are no object")
    return read


def _features(text: str, mask: NDArray[np.bool_], feature_size: int) -> NDArray[np.float16]:
    features = np.zeros((len(MODALITIES), feature_size), dtype=np.float16)
    stored = np.frombuffer(base64.b64decode(text, validate=True), dtype=_STORED)
    features[mask] = stored.reshape(int(mask.sum()), feature_size)
    features.setflags(write=False)
    return features
