"""Many records at once, as columns: how they are stored, compared and read in bulk.

A record of a block takes the same place in the same tables as one that `GalleryStore.add` stores;
only the work for each of them is done by arrays instead of objects.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.errors import DuplicateRecord
from service.gallery.store.enrolment import known_content, refuse_taken_ids
from service.gallery.store.feed import last_sequence
from service.gallery.store.rows import RECORD_COLUMNS, microseconds
from vreid.modality import MODALITIES

STORED_TYPE: Final = np.dtype("<f2")
_BITS = 1 << np.arange(len(MODALITIES))

_INSERT = (
    f"INSERT INTO record ({', '.join(RECORD_COLUMNS)}) "
    f"VALUES ({', '.join('?' for _ in RECORD_COLUMNS)})"
)
_COMPARED = ("id", "identity", "camera", "scene", "captured_at", "mask", "attributes", "features")
_SELECT_COMPARED = (
    f"SELECT {', '.join(_COMPARED)} FROM record WHERE id IN (SELECT value FROM json_each(?))"
)


@dataclass(frozen=True, slots=True, eq=False)
class RecordBlock:
    """Records that keep the rules of `NewRecord`, as columns of N values.

    `features` is (N, 3, D) float16, zero where `mask` (N, 3) is False. `captured_at` and
    `created_at` are microseconds since 1970-01-01T00:00:00Z; a `created_at` of None means the
    moment of storing. `attributes` and `source` are JSON objects as `encode_record` writes them.
    """

    features: NDArray[np.float16]
    mask: NDArray[np.bool_]
    id: Sequence[str]
    identity: Sequence[str | None]
    camera: Sequence[str | None]
    scene: Sequence[str | None]
    captured_at: Sequence[int | None]
    attributes: Sequence[str]
    content_hash: Sequence[str | None]
    images_hash: Sequence[str | None]
    source: Sequence[str]
    created_at: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.id)

    def rows(self, numbers: Sequence[int]) -> RecordBlock:
        """The block of these rows, in this order."""
        if len(numbers) == len(self) and all(each == at for at, each in enumerate(numbers)):
            return self
        chosen = np.asarray(numbers, dtype=np.intp)

        def of(column: Sequence[Any]) -> list[Any]:
            return [column[number] for number in numbers]

        return RecordBlock(
            self.features[chosen],
            self.mask[chosen],
            of(self.id),
            of(self.identity),
            of(self.camera),
            of(self.scene),
            of(self.captured_at),
            of(self.attributes),
            of(self.content_hash),
            of(self.images_hash),
            of(self.source),
            of(self.created_at),
        )

    def mask_bits(self) -> list[int]:
        """Each record's mask as the number that is stored."""
        bits: list[int] = (self.mask @ _BITS).tolist()
        return bits

    def packed_features(self) -> Iterator[memoryview]:
        """The bytes that are stored for each record: the features of its modalities."""
        rows = self.features[self.mask].astype(STORED_TYPE, copy=False)
        packed = rows.view(np.uint8).reshape(-1).data
        size = self.features.shape[2] * STORED_TYPE.itemsize
        ends = (np.cumsum(self.mask.sum(axis=1)) * size).tolist()
        start = 0
        for end in ends:
            yield packed[start:end]
            start = end


def unpacked_features(
    packed: Sequence[bytes], mask: NDArray[np.bool_], feature_size: int
) -> NDArray[np.float16]:
    """Features (N, 3, D) of stored bytes. Raises ValueError when there are too few or too many."""
    features = np.zeros((len(mask), len(MODALITIES), feature_size), dtype=np.float16)
    rows = np.frombuffer(b"".join(packed), dtype=STORED_TYPE)
    features[mask] = rows.reshape(int(mask.sum()), feature_size)
    return features


def store_block(
    connection: sqlite3.Connection,
    block: RecordBlock,
    now: datetime,
    new_content: Collection[str] = (),
) -> None:
    """Store every record.

    Raises `DuplicateRecord` with every id that is taken or repeated, or else with those of the
    records whose content hash is one of `new_content` and is stored already.
    """
    refuse_taken_ids(connection, block.id)
    if stored := _ids_of_known_content(connection, block, new_content):
        raise DuplicateRecord(stored)
    first = last_sequence(connection) + 1
    moment = microseconds(now)
    connection.executemany(
        _INSERT,
        (
            (*told, moment if created_at is None else created_at, zlib.crc32(features), features)
            for *told, created_at, features in zip(
                range(first, first + len(block)),
                block.id,
                block.identity,
                block.camera,
                block.scene,
                block.captured_at,
                block.attributes,
                block.mask_bits(),
                block.content_hash,
                block.source,
                block.created_at,
                block.packed_features(),
                strict=True,
            )
        ),
    )
    connection.executemany(
        "INSERT INTO record_images (record_sequence, hash) VALUES (?, ?)",
        [
            (sequence, images_hash)
            for sequence, images_hash in enumerate(block.images_hash, first)
            if images_hash is not None
        ],
    )


def compare_block(
    connection: sqlite3.Connection, block: RecordBlock
) -> tuple[list[int], list[int]]:
    """Row numbers of the records that are stored already: those that are the same, and those not.

    The same are the features to the bit, the mask, the labels, the time and the attributes.
    """
    stored = {
        row[0]: row[1:]
        for row in connection.execute(_SELECT_COMPARED, (json.dumps(list(block.id)),))
    }
    if not stored:
        return [], []
    same: list[int] = []
    other: list[int] = []
    for number, (record_id, *told, attributes, features) in enumerate(
        zip(
            block.id,
            block.identity,
            block.camera,
            block.scene,
            block.captured_at,
            block.mask_bits(),
            block.attributes,
            block.packed_features(),
            strict=True,
        )
    ):
        if (found := stored.get(record_id)) is None:
            continue
        is_same = (
            list(found[:5]) == told and _same_object(found[5], attributes) and found[6] == features
        )
        (same if is_same else other).append(number)
    return same, other


def _ids_of_known_content(
    connection: sqlite3.Connection, block: RecordBlock, new_content: Collection[str]
) -> list[str]:
    if not new_content:
        return []
    known = known_content(connection, new_content)
    return [
        record_id
        for record_id, content_hash in zip(block.id, block.content_hash, strict=True)
        if content_hash in known
    ]


def _same_object(first: str, second: str) -> bool:
    if first == second:
        return True
    try:
        # As texts again: true and 1 are equal in Python and not in JSON.
        sorted_texts = [json.dumps(json.loads(each), sort_keys=True) for each in (first, second)]
    except (ValueError, RecursionError):
        return False
    return sorted_texts[0] == sorted_texts[1]
