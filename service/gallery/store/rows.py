"""A record as a row of the database, and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.record import Record
from vreid.modality import MODALITIES, Modality

# Features come last: SQLite reads the small columns without touching their pages.
RECORD_COLUMNS = (
    "sequence",
    "id",
    "identity",
    "camera",
    "scene",
    "captured_at",
    "attributes",
    "mask",
    "content_hash",
    "source",
    "created_at",
    "checksum",
    "features",
)

_STORED = np.dtype("<f2")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode_record(record: Record) -> tuple[object, ...]:
    """The row of a record, in the order of RECORD_COLUMNS."""
    features = encode_features(record.features, record.mask)
    return (
        record.sequence,
        record.id,
        record.identity,
        record.camera,
        record.scene,
        None if record.captured_at is None else microseconds(record.captured_at),
        json.dumps(dict(record.attributes), ensure_ascii=False),
        mask_bits(record.mask),
        record.content_hash,
        json.dumps({str(modality): path for modality, path in record.source.items()}),
        microseconds(record.created_at),
        zlib.crc32(features),
        features,
    )


def encode_features(features: NDArray[np.floating], mask: NDArray[np.bool_]) -> bytes:
    """Features (3, D) of the modalities of a mask (3,) as they are stored."""
    return features[mask].astype(_STORED).tobytes()


def decode_record(row: Sequence[Any], feature_size: int, path: Path) -> Record:
    """The record of a row.

    Raises `GalleryDamaged`, naming the record, when the row is not what `encode_record` wrote.
    """
    try:
        # What is not UTF-8 in the file comes with surrogates.
        "".join(filter(None, (*row[1:5], row[6], row[8], row[9]))).encode()
        mask = bits_mask(row[7])
        return Record(
            sequence=row[0],
            id=row[1],
            identity=row[2],
            camera=row[3],
            scene=row[4],
            captured_at=None if row[5] is None else _EPOCH + timedelta(microseconds=row[5]),
            attributes=_members(row[6]),
            mask=mask,
            features=_decode_features(row[12], row[11], mask, feature_size),
            content_hash=row[8],
            source={Modality(name): file for name, file in _members(row[9]).items()},
            created_at=_EPOCH + timedelta(microseconds=row[10]),
        )
    except (ValueError, TypeError, OverflowError, AttributeError, RecursionError) as error:
        raise GalleryDamaged(
            f"The record {row[1]!r} in {path} is damaged ({error}); delete this record and index "
            "its pictures again, or restore a backup."
        ) from error


def microseconds(time: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, exactly."""
    return (time - _EPOCH) // _MICROSECOND


def mask_bits(mask: NDArray[np.bool_]) -> int:
    """A mask (3,) as a number: bit 0 RGB, bit 1 NIR, bit 2 TIR."""
    return sum(1 << index for index in range(len(MODALITIES)) if mask[index])


def bits_mask(bits: int) -> NDArray[np.bool_]:
    """The read-only mask (3,) of such a number. Raises ValueError unless it is 1 to 7."""
    if not 1 <= bits < 1 << len(MODALITIES):
        raise ValueError(f"its mask is {bits}")
    return _MASKS[bits]


def masks_of(bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Masks (N, 3) of such numbers (N,)."""
    return (bits[:, None] >> np.arange(len(MODALITIES), dtype=np.uint8) & 1).astype(np.bool_)


def _decode_features(
    blob: bytes, checksum: int, mask: NDArray[np.bool_], feature_size: int
) -> NDArray[np.float16]:
    expected = int(np.count_nonzero(mask)) * feature_size * _STORED.itemsize
    if len(blob) != expected:
        raise ValueError(f"its features take {len(blob)} bytes instead of {expected}")
    if zlib.crc32(blob) != checksum:
        raise ValueError("its features do not match their checksum")
    stored = np.frombuffer(blob, dtype=_STORED).reshape(-1, feature_size)
    if len(stored) == len(MODALITIES) and _STORED.isnative:
        return stored
    features = np.zeros((len(MODALITIES), feature_size), dtype=np.float16)
    features[mask] = stored
    features.setflags(write=False)
    return features


def _members(text: str) -> Any:  # noqa: ANN401
    """Most records have no attributes, and many no source."""
    return {} if text == "{}" else json.loads(text)


def _read_only(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    masks.setflags(write=False)
    return masks


# Each mask by its number; records share them.
_MASKS: tuple[NDArray[np.bool_], ...] = tuple(
    _read_only(masks_of(np.arange(1 << len(MODALITIES), dtype=np.uint8)))
)
