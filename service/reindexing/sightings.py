"""A record without what a model made of it: how it is carried from one generation to another.

Rows are copied as they lie, with their numbers: a record has the same place in the order in every
generation, and labels cannot change on the way.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.store.crops import CropRow, KeptCrops, crop_rows, kept_crops
from service.gallery.store.deletion import remove_records
from service.gallery.store.feed import note_deletions
from service.gallery.store.rows import RECORD_COLUMNS, bits_mask, encode_features
from vreid.modality import Modality

# Told about a sighting, by people or when it was stored.
_COLUMNS = tuple(name for name in RECORD_COLUMNS if name not in ("checksum", "features"))
_TEXTS = ("id", "identity", "camera", "scene", "attributes", "content_hash", "source")

_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM record WHERE sequence = ?"
_INSERT = (
    f"INSERT INTO record ({', '.join(_COLUMNS)}, checksum, features) "
    f"VALUES ({', '.join('?' for _ in _COLUMNS)}, ?, ?)"
)
_MOVE = f"UPDATE record SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE sequence = ?"


class DamagedRow(ValueError):
    """What is stored about a record cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a generation stores of one record besides its features.

    `row` is told in the order of the columns; `thumbnails` and `crop_rows` are rows too.
    `images_hash` is None for records of the first schema.
    """

    sequence: int
    id: str
    mask: NDArray[np.bool_]
    source: Mapping[Modality, str]
    images_hash: str | None
    crops: KeptCrops
    row: tuple[Any, ...] = field(repr=False)
    thumbnails: Sequence[tuple[str, bytes, bytes]] = field(repr=False)
    crop_rows: Sequence[CropRow] = field(repr=False)

    def told(self, column: str) -> Any:  # noqa: ANN401
        """The value of one column of the record."""
        return self.row[_COLUMNS.index(column)]


def read_sighting(connection: sqlite3.Connection, sequence: int) -> Sighting | None:
    """The sighting with this number, None when it is gone. Raises `DamagedRow`."""
    row = connection.execute(_SELECT, (sequence,)).fetchone()
    if row is None:
        return None
    told = dict(zip(_COLUMNS, row, strict=True))
    try:
        for name in _TEXTS:
            # A damaged text is read with lone surrogates, which cannot be written again.
            (told[name] or "").encode()
        mask = bits_mask(told["mask"])
        source = {Modality(name): str(path) for name, path in json.loads(told["source"]).items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedRow(f"what is stored about it is damaged ({error})") from error
    thumbnails = connection.execute(
        "SELECT l.modality, l.hash, p.jpeg FROM record_picture AS l "
        "JOIN picture AS p ON p.hash = l.hash WHERE l.record_sequence = ?",
        (sequence,),
    ).fetchall()
    rows = crop_rows(connection, sequence)
    try:
        crops = kept_crops(rows)
    except ValueError as error:
        raise DamagedRow(f"its kept images are damaged ({error})") from error
    return Sighting(
        sequence,
        told["id"],
        mask,
        source,
        _images_hash(connection, sequence),
        crops,
        tuple(row),
        thumbnails,
        rows,
    )


def write_sighting(
    connection: sqlite3.Connection, sighting: Sighting, features: NDArray[np.floating]
) -> None:
    """Store a sighting with features (3, D), in place of what has its id."""
    found = connection.execute(
        "SELECT sequence FROM record WHERE id = ?", (sighting.id,)
    ).fetchall()
    replaced = [int(row[0]) for row in found]
    note_deletions(connection, replaced, datetime.now(UTC))
    remove_records(connection, replaced)
    encoded = encode_features(features, sighting.mask)
    connection.execute(_INSERT, (*sighting.row, zlib.crc32(encoded), encoded))
    _write_images(connection, sighting)


def move_sighting(connection: sqlite3.Connection, sighting: Sighting) -> bool:
    """Give the record of the same images and id the sighting's labels and number.

    Returns False when there is none: the sighting has to be embedded.
    """
    row = connection.execute(
        "SELECT sequence, mask, created_at FROM record WHERE id = ?", (sighting.id,)
    ).fetchone()
    if row is None:
        return False
    sequence, mask, created_at = row
    # A record that was deleted and stored again under its id was stored at another moment.
    same = (mask, created_at) == (sighting.told("mask"), sighting.told("created_at"))
    if not same or _images_hash(connection, sequence) != sighting.images_hash:
        return False
    connection.execute(_MOVE, (*sighting.row, sequence))
    return True


def _write_images(connection: sqlite3.Connection, sighting: Sighting) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO picture (hash, jpeg) VALUES (?, ?)",
        [(digest, jpeg) for _, digest, jpeg in sighting.thumbnails],
    )
    connection.executemany(
        "INSERT INTO record_picture (record_sequence, modality, hash) VALUES (?, ?, ?)",
        [(sighting.sequence, name, digest) for name, digest, _ in sighting.thumbnails],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO crop (hash, image) VALUES (?, ?)",
        [(digest, image) for _, digest, _, image in sighting.crop_rows],
    )
    connection.executemany(
        "INSERT INTO record_crop (record_sequence, modality, hash, palette) VALUES (?, ?, ?, ?)",
        [(sighting.sequence, name, digest, told) for name, digest, told, _ in sighting.crop_rows],
    )
    if sighting.images_hash is not None:
        connection.execute(
            "INSERT INTO record_images (record_sequence, hash) VALUES (?, ?)",
            (sighting.sequence, sighting.images_hash),
        )


def _images_hash(connection: sqlite3.Connection, sequence: int) -> str | None:
    row = connection.execute(
        "SELECT hash FROM record_images WHERE record_sequence = ?", (sequence,)
    ).fetchone()
    return None if row is None else str(row[0])
