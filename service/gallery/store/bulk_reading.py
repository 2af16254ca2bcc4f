"""Reads many records as columns, with as little work for each as possible.

A search index needs all records once, when a gallery is opened. Their columns come from an index
of the database that holds everything but the features; with features, from the records themselves.
What is checked is what `decode_record` checks of these columns, for all rows of a batch at once;
only when something is wrong they are looked at one by one.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.columns import NO_TIME
from service.gallery.files.feature_file import STORED
from service.gallery.record import AttributeValue, DamagedRecord
from service.gallery.store.rows import microseconds
from service.gallery.store.store import GalleryStore
from vreid.modality import MODALITIES

BATCH_ROWS = 512
_NUMBERS_AT_ONCE = 1 << 16
# So few rows that a batch of columns is small, and so many that asking for it costs nothing.
_COLUMN_ROWS = 8192

_COLUMNS = "sequence, checksum, mask, captured_at, identity, camera, scene, attributes"
_STRETCH = "WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
_SELECT_NUMBERS = f"SELECT sequence, checksum FROM record INDEXED BY record_columns {_STRETCH}"
_SELECT_COLUMNS = f"SELECT {_COLUMNS} FROM record INDEXED BY record_columns {_STRETCH}"
_SELECT_RECORDS = f"SELECT {_COLUMNS}, features FROM record NOT INDEXED {_STRETCH}"

_PRESENT_COUNTS = np.array([bits.bit_count() for bits in range(1 << len(MODALITIES))])
_FIRST_TIME = microseconds(datetime.min.replace(tzinfo=UTC))
_LAST_TIME = microseconds(datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, eq=False)
class RecordBatch:
    """Records as columns of n values, ascending by `sequence`; what could not be read is apart.

    `checksum` (n,) is the CRC-32 of the stored features, `mask` (n,) has bit 0 RGB, bit 1 NIR, bit
    2 TIR, `captured_at` (n,) microseconds since 1970-01-01T00:00:00Z or NO_TIME, `features`
    (n, 3, D) float16, zero where a modality is missing, or None when they were not read.
    """

    sequence: NDArray[np.int64]
    checksum: NDArray[np.uint32]
    mask: NDArray[np.uint8]
    captured_at: NDArray[np.int64]
    identity: Sequence[str | None]
    camera: Sequence[str | None]
    scene: Sequence[str | None]
    attributes: Sequence[Mapping[str, AttributeValue]]
    features: NDArray[np.float16] | None
    damaged: tuple[DamagedRecord, ...] = ()

    def __len__(self) -> int:
        return len(self.sequence)


def read_numbers(store: GalleryStore, last: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Sequence numbers (n,) up to `last` of all records, ascending, and their checksums (n,)."""
    parts, after = [np.empty((0, 2), dtype=np.int64)], 0
    while rows := _fetch(store, _SELECT_NUMBERS, after, last, _NUMBERS_AT_ONCE):
        parts.append(np.array(rows, dtype=np.int64))
        after = rows[-1][0]
    both = np.concatenate(parts)
    return np.ascontiguousarray(both[:, 0]), both[:, 1].astype(np.uint32)


def read_columns(
    store: GalleryStore, after: int, last: int, rows: int = _COLUMN_ROWS
) -> Iterator[RecordBatch]:
    """The columns of the records with numbers above `after` up to `last`, without features."""
    while found := _fetch(store, _SELECT_COLUMNS, after, last, rows):
        after = found[-1][0]
        yield _batch(store, found, None)


def read_records(
    store: GalleryStore, after: int, last: int, rows: int = BATCH_ROWS
) -> Iterator[RecordBatch]:
    """The records with numbers above `after` up to `last`, with features.

    Features are compared with their checksums.
    """
    while found := _fetch(store, _SELECT_RECORDS, after, last, rows):
        after = found[-1][0]
        yield _batch(store, found, store.facts.feature_size)


def _fetch(
    store: GalleryStore, query: str, after: int, last: int, limit: int
) -> list[tuple[Any, ...]]:
    with store.database.reading() as connection:
        return connection.execute(query, (after, last, limit)).fetchall()


def _batch(
    store: GalleryStore, rows: Sequence[tuple[Any, ...]], feature_size: int | None
) -> RecordBatch:
    try:
        return _columns_of(rows, feature_size)
    except (ValueError, TypeError, OverflowError, RecursionError):
        sound, broken = [], dict[int, str]()
        for row in rows:
            try:
                _columns_of([row], feature_size)
            except (ValueError, TypeError, OverflowError, RecursionError) as error:
                broken[row[0]] = str(error)
            else:
                sound.append(row)
        return _columns_of(sound, feature_size, _told(store, broken))


def _columns_of(
    rows: Sequence[tuple[Any, ...]],
    feature_size: int | None,
    damaged: tuple[DamagedRecord, ...] = (),
) -> RecordBatch:
    """The rows as columns. Raises ValueError and the like when any of them is damaged."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * 9
    sequence, checksum, mask, captured_at, identity, camera, scene, attributes = columns[:8]
    masks = np.array(mask, dtype=np.int64)
    if len(masks) and not (masks.min() >= 1 and masks.max() < len(_PRESENT_COUNTS)):
        raise ValueError("its mask is out of range")
    for labels in (identity, camera, scene):
        "".join(filter(None, labels)).encode()
    bits = masks.astype(np.uint8)
    checksums = np.array(checksum, dtype=np.uint32)
    features = None
    if feature_size is not None:
        features = _features_of(columns[8], checksums, bits, feature_size)
    return RecordBatch(
        np.array(sequence, dtype=np.int64),
        checksums,
        bits,
        _times(captured_at),
        identity,
        camera,
        scene,
        _attributes(attributes),
        features,
        damaged,
    )


def _times(values: Sequence[int | None]) -> NDArray[np.int64]:
    if any(each is not None and not _FIRST_TIME <= each <= _LAST_TIME for each in values):
        raise ValueError("its time is out of range")
    return np.array([NO_TIME if each is None else each for each in values], dtype=np.int64)


def _attributes(texts: Sequence[str]) -> list[Mapping[str, AttributeValue]]:
    # One call for all: a call for each costs more than what it parses.
    text = ",".join(texts)
    text.encode()
    parsed: list[Mapping[str, AttributeValue]] = json.loads(f"[{text}]")
    if len(parsed) != len(texts) or not all(type(each) is dict for each in parsed):
        raise ValueError("its attributes are no JSON object")
    return parsed


def _features_of(
    blobs: Sequence[bytes],
    checksums: NDArray[np.uint32],
    mask: NDArray[np.uint8],
    feature_size: int,
) -> NDArray[np.float16]:
    lengths = _PRESENT_COUNTS[mask] * (feature_size * STORED.itemsize)
    if list(map(len, blobs)) != lengths.tolist():
        raise ValueError("its features have another length")
    if list(map(zlib.crc32, blobs)) != checksums.tolist():
        raise ValueError("its features do not match their checksum")
    vectors = np.frombuffer(b"".join(blobs), dtype=STORED).reshape(-1, feature_size)
    if bool((mask == len(_PRESENT_COUNTS) - 1).all()):
        return vectors.reshape(-1, len(MODALITIES), feature_size)
    present = (mask[:, None] >> np.arange(len(MODALITIES), dtype=np.uint8) & 1).astype(np.bool_)
    features = np.zeros((len(mask), len(MODALITIES), feature_size), dtype=np.float16)
    features[present] = vectors
    return features


def _told(store: GalleryStore, broken: Mapping[int, str]) -> tuple[DamagedRecord, ...]:
    """The damaged records as the store tells of them, where it finds the damage too."""
    told = {each.sequence: each for each in store.by_sequence(broken).damaged}
    return tuple(
        told.get(number, DamagedRecord(number, "", f"The record {number} is damaged ({reason})."))
        for number, reason in broken.items()
    )
