"""Images as they were sent, kept on request so that another model can embed them later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from service.gallery.store.shared_images import hash_image
from vreid.modality import MODALITIES, Modality

KeepCrops: TypeAlias = Literal["none", "encoded"]
"""Whether the images of new records are kept, and how."""

CropRow: TypeAlias = tuple[str, bytes, str | None, bytes]
"""Modality, SHA-256, the palette that was told, the encoded image."""


@dataclass(frozen=True, slots=True)
class KeptCrops:
    """The images of one record.

    `damaged` names those whose bytes are not the ones that were stored. `tir_palette` is what was
    said about the thermal image's colours, None where they have to be measured.
    """

    images: Mapping[Modality, bytes]
    tir_palette: str | None
    damaged: tuple[Modality, ...] = ()


def store_crops(
    connection: sqlite3.Connection,
    record_sequence: int,
    crops: Mapping[Modality, bytes],
    tir_palette: str | None,
) -> None:
    """Store a record's images."""
    named = [(modality, hash_image(image), image) for modality, image in crops.items()]
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
            if hash_image(found[modality][2]) != bytes(found[modality][0])
        ),
    )
