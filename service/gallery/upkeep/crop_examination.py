"""Looks at the kept images: whether each is the one that was stored, and belongs to a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.gallery.store.quarantine import quarantine_crop
from service.gallery.store.shared_images import CROPS, hash_image
from service.gallery.store.store import GalleryStore
from vreid.modality import Modality

_READ_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class CropProblem:
    """What is wrong with a kept image. `repaired` says what was done, None for nothing."""

    subject: str
    problem: str
    repaired: str | None


def examine_crops(store: GalleryStore, *, repair: bool = False) -> Iterator[CropProblem]:
    """Compare every kept image with its SHA-256, and find those of no record; reads all once."""
    last = 0
    while True:
        with store.database.reading() as connection:
            rows = connection.execute(
                "SELECT number, hash, image FROM crop WHERE number > ? ORDER BY number LIMIT ?",
                (last, _READ_AT_ONCE),
            ).fetchall()
        if not rows:
            break
        last = rows[-1][0]
        for _, digest, image in rows:
            if hash_image(image) != digest:
                yield from _damaged(store, digest, repair)
    yield from _of_no_record(store, repair)


def _damaged(store: GalleryStore, digest: bytes, repair: bool) -> Iterator[CropProblem]:
    problem = "the kept image is not the one that was stored (its SHA-256 is another)"
    with store.database.reading() as connection:
        kept = connection.execute(
            "SELECT r.id, c.record_sequence, c.modality FROM record_crop AS c "
            "JOIN record AS r ON r.sequence = c.record_sequence WHERE c.hash = ?",
            (digest,),
        ).fetchall()
    for record_id, sequence, modality in kept:
        done = None
        if repair:
            with store.database.writing() as connection:
                quarantine_crop(connection, sequence, Modality(modality), problem)
            done = "moved into quarantine; the record is kept without it"
        yield CropProblem(f"{record_id} {modality}", problem, done)


def _of_no_record(store: GalleryStore, repair: bool) -> Iterator[CropProblem]:
    with store.database.reading() as connection:
        count = CROPS.count_unreferenced(connection)
    if not count:
        return
    if repair:
        with store.database.writing() as connection:
            CROPS.remove_unreferenced(connection)
    yield CropProblem(f"{count} kept images", "no record has them", "removed" if repair else None)
