"""Images as they were sent, kept on request so that another model can embed them later.

Each is stored once under its SHA-256, as thumbnails are, and goes with the last record of it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vreid.modality import MODALITIES, Modality

KeepCrops: TypeAlias = Literal["none", "encoded"]
"""Whether the images of new records are kept, and how."""

CropRow: TypeAlias = tuple[str, bytes, str | None, bytes]
"""Modality, SHA-256, the palette that was told, the encoded image."""

# A crop is kept as long as a record or a quarantined record is of it.
UNREFERENCED_CROP = (
    "NOT EXISTS (SELECT 1 FROM record_crop AS r WHERE r.hash = crop.hash) "
    "AND NOT EXISTS (SELECT 1 FROM quarantine_crop AS q WHERE q.hash = crop.hash)"
)


@dataclass(frozen=True, slots=True)
class KeptCrops:
    """The images of one record.

    `damaged` names those whose bytes are not the ones that were stored. `tir_palette` is what was
    said about the thermal image's colours, None where they have to be measured.
    """

    images: Mapping[Modality, bytes]
    tir_palette: str | None
    damaged: tuple[Modality, ...] = ()


def hash_crop(image: bytes) -> bytes:
    """The name under which an image is stored."""
    return hashlib.sha256(image).digest()


def store_crops(
    connection: sqlite3.Connection,
    record_sequence: int,
    crops: Mapping[Modality, bytes],
    tir_palette: str | None,
) -> None:
    """Store a record's images."""
    named = [(modality, hash_crop(image), image) for modality, image in crops.items()]
    connection.executemany(
        "INSERT OR IGNORE INTO crop (hash, image) VALUES (?, ?)",
        [(digest, image) for _, digest, image in named],
    )
    connection.executemany(
        "INSERT INTO record_crop (record_sequence, modality, hash, palette) VALUES (?, ?, ?, ?)",
        [
            (
                record_sequence,
                str(modality),
                digest,
                tir_palette if modality is Modality.TIR else None,
            )
            for modality, digest, _ in named
        ],
    )


def crop_rows(connection: sqlite3.Connection, record_sequence: int) -> list[CropRow]:
    """What is stored of a record's images, as it lies; nothing where none were kept."""
    return connection.execute(
        "SELECT l.modality, l.hash, l.palette, c.image FROM record_crop AS l "
        "JOIN crop AS c ON c.hash = l.hash WHERE l.record_sequence = ?",
        (record_sequence,),
    ).fetchall()


def kept_crops(rows: Iterable[CropRow]) -> KeptCrops:
    """The images of rows. Raises ValueError for a modality that does not exist."""
    found = {Modality(name): (digest, palette, image) for name, digest, palette, image in rows}
    ordered = [modality for modality in MODALITIES if modality in found]
    thermal = found.get(Modality.TIR)
    return KeptCrops(
        {modality: bytes(found[modality][2]) for modality in ordered},
        None if thermal is None else thermal[1],
        tuple(
            modality
            for modality in ordered
            if hash_crop(found[modality][2]) != bytes(found[modality][0])
        ),
    )


def crop_hashes(connection: sqlite3.Connection, record_sequences: str) -> list[tuple[bytes]]:
    """Hashes of the images of records, quarantined ones too; numbers as a JSON list."""
    return connection.execute(
        "SELECT hash FROM record_crop "
        "WHERE record_sequence IN (SELECT value FROM json_each(:of)) "
        "UNION SELECT hash FROM quarantine_crop "
        "WHERE record_sequence IN (SELECT value FROM json_each(:of))",
        {"of": record_sequences},
    ).fetchall()


def remove_unreferenced_crops(
    connection: sqlite3.Connection, hashes: Iterable[tuple[bytes]] | None = None
) -> int:
    """Remove images that no record is of, out of those hashes or of all; return how many."""
    if hashes is None:
        return connection.execute(f"DELETE FROM crop WHERE {UNREFERENCED_CROP}").rowcount
    removed = connection.executemany(
        f"DELETE FROM crop WHERE hash = ? AND {UNREFERENCED_CROP}", list(hashes)
    )
    return max(0, removed.rowcount)
