"""Storing a batch of embedded samples: each becomes a record, was there already, or is rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import DuplicateRecord, InvalidRecord
from service.gallery.protocol import RecordStore
from service.gallery.record import NewRecord, Record
from service.indexing.preparation import Prepared, Rejected
from vreid.image_source import file_of


@dataclass(frozen=True, slots=True)
class Embedded:
    """A sample ready to be stored."""

    label: str
    record: NewRecord = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: new records, how many were known, and those whose id is taken."""

    added: Sequence[Record]
    known: int
    rejected: Sequence[Rejected]


def as_record(
    prepared: Prepared,
    features: NDArray[np.float32],
    mask: NDArray[np.bool_],
    path_of: Callable[[Path], str],
) -> Embedded | Rejected:
    """The record of a sample, with features (3, D) and mask (3,); rejected where it is not valid.

    Of its images' files the record keeps what `path_of` says, see
    `service.indexing.source.paths_below`.
    """
    sample = prepared.sample
    try:
        record = NewRecord(
            features=features,
            mask=mask,
            id=prepared.id,
            identity=sample.identity,
            camera=sample.camera,
            scene=sample.scene,
            captured_at=sample.captured_at,
            attributes=sample.attributes,
            content_hash=prepared.content_hash,
            images_hash=prepared.images_hash,
            source={
                modality: path_of(file)
                for modality, image in sample.images.items()
                if (file := file_of(image)) is not None
            },
            thumbnails=prepared.thumbnails,
            crops=prepared.crops,
        )
    except InvalidRecord as error:
        return Rejected(prepared.label, str(error))
    return Embedded(prepared.label, record)


def store_new(batch: Iterable[Embedded], store: RecordStore) -> Stored:
    """Store those whose content the gallery does not have, in one transaction."""
    remaining, rejected = _first_of_each_id(batch)
    while remaining:
        try:
            added = store.add([each.record for each in remaining], skip_known_content=True)
            return Stored(added, len(remaining) - len(added), rejected)
        except DuplicateRecord as error:
            free = [each for each in remaining if each.record.id not in error.ids]
            rejected += [_id_taken(each) for each in remaining if each.record.id in error.ids]
            remaining = free
    return Stored((), 0, rejected)


def _first_of_each_id(batch: Iterable[Embedded]) -> tuple[list[Embedded], list[Rejected]]:
    """The batch without records that repeat an id of an earlier one, and those that do."""
    seen: set[str] = set()
    kept, repeated = [], []
    for each in batch:
        if each.record.id is not None and each.record.id in seen:
            repeated.append(_id_taken(each))
            continue
        if each.record.id is not None:
            seen.add(each.record.id)
        kept.append(each)
    return kept, repeated


def _id_taken(embedded: Embedded) -> Rejected:
    return Rejected(embedded.label, str(DuplicateRecord([str(embedded.record.id)])))
