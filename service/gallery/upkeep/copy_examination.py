"""Reads back everything that a copy of a gallery holds, and finds what was damaged before it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from service.errors import GalleryDamaged
from service.gallery.record import DamagedRecord, Record
from service.gallery.store.rows import RECORD_COLUMNS, decode_record
from service.gallery.store.shared_images import hash_image
from service.gallery.upkeep.record_examination import problem_of

_RECORDS = f"SELECT {', '.join(RECORD_COLUMNS)} FROM record ORDER BY sequence"
_PICTURES = "SELECT hash, jpeg FROM picture ORDER BY number"
_CROPS = "SELECT hash, image FROM crop ORDER BY number"
_SHOWN = (
    "SELECT r.id, p.modality FROM record_picture AS p "
    "JOIN record AS r ON r.sequence = p.record_sequence WHERE p.hash = ?"
)
_KEPT = (
    "SELECT r.id, c.modality FROM record_crop AS c "
    "JOIN record AS r ON r.sequence = c.record_sequence WHERE c.hash = ?"
)

_OTHER_BYTES = "the image is not the one that was stored (its SHA-256 is another)"


@dataclass(frozen=True, slots=True)
class Damage:
    """What is damaged in a copy: `subject` is the record's id, for images with the modality."""

    kind: Literal["record", "thumbnail", "crop"]
    subject: str
    problem: str


def find_damage(copy: sqlite3.Connection, feature_size: int, original: Path) -> Iterator[Damage]:
    """Compare every record with its checksum, and every thumbnail and kept image with its SHA-256.

    `original` is the database that was copied, which is what a reason names. Reads everything once,
    a row at a time. What lies in quarantine is known to be damaged and is not reported.
    """
    for row in copy.execute(_RECORDS):
        problem = problem_of(_read(row, feature_size, original))
        if problem is not None:
            yield Damage("record", row[1], problem)
    for digest, jpeg in copy.execute(_PICTURES):
        if hash_image(jpeg) != digest:
            for record_id, modality in copy.execute(_SHOWN, (digest,)):
                yield Damage("thumbnail", f"{record_id} {modality}", _OTHER_BYTES)
    for digest, image in copy.execute(_CROPS):
        if hash_image(image) != digest:
            for record_id, modality in copy.execute(_KEPT, (digest,)):
                yield Damage("crop", f"{record_id} {modality}", _OTHER_BYTES)


def _read(row: tuple[Any, ...], feature_size: int, original: Path) -> Record | DamagedRecord:
    try:
        return decode_record(row, feature_size, original)
    except GalleryDamaged as error:
        return DamagedRecord(row[0], row[1], str(error))
