"""Records of the gallery, as the calls answer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vreid.errors import VreidError
from vreid.modality import MODALITIES, Modality
from vreid.sample import AttributeValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Which modalities a sample has."""

    rgb: bool
    nir: bool
    tir: bool

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that are there, in the order RGB, NIR, TIR."""
        return tuple(each for each in MODALITIES if getattr(self, each.value))

    def array(self) -> NDArray[np.bool_]:
        """The mask as bool (3,)."""
        return np.array([self.rgb, self.nir, self.tir], dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A sighting of the gallery.

    Attributes:
        id: of the record.
        identity: which vehicle it is, where known.
        camera: which camera took it.
        scene: which passage or time label it belongs to.
        captured_at: when it was taken, with a time zone.
        attributes: anything else, by name.
        mask: which modalities it has.
        thumbnails: the path of each modality's thumbnail; `Client.thumbnail` reads it.
    """

    id: str
    identity: str | None
    camera: str | None
    scene: str | None
    captured_at: datetime | None
    attributes: Mapping[str, AttributeValue]
    mask: Mask
    thumbnails: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord(Record):
    """A record as the gallery's own calls show it.

    Attributes:
        created_at: when it was stored.
        source: the file that each image was indexed from, if any.
    """

    created_at: datetime
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledRecord(StoredRecord):
    """A record that is on the service's disk.

    Attributes:
        warnings: sentences about its images.
    """

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledRecords:
    """Several records that were stored together, in the order of their sightings."""

    records: tuple[EnrolledRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """One page of the gallery, oldest record first.

    Attributes:
        records: of this page.
        next_cursor: of the next page; None on the last one.
    """

    records: tuple[StoredRecord, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What a deletion by filter did.

    Attributes:
        matched: records that passed the filter.
        deleted: as many, less those that others corrected or deleted meanwhile; 0 where it was only
            counted.
    """

    matched: int
    deleted: int


@dataclass(frozen=True, slots=True)
class EnrolOutcome:
    """What became of one of many sightings.

    Attributes:
        number: of the sighting among those that were given, counted from 0.
        status: ``stored`` now; ``present``: the gallery had it already, under its id, with its
            labels and modalities, as after an interrupted run; ``failed``: `error` says why.
        id: of the record; None where it failed and no id was given.
        record: what was stored; None unless stored now.
        error: why there is no new record; None where it was stored.
    """

    number: int
    status: Literal["stored", "present", "failed"]
    id: str | None
    record: EnrolledRecord | None = None
    error: VreidError | None = None


@dataclass(frozen=True, slots=True)
class EnrolReport:
    """What became of many sightings.

    Attributes:
        stored: sightings that were stored now.
        present: sightings that the gallery had already, under their ids and with their labels.
        failed: those that are not in the gallery, with the reason, in the order in which they were
            given. What became of the others `progress` is told.
    """

    stored: int = 0
    present: int = 0
    failed: tuple[EnrolOutcome, ...] = ()

    @property
    def settled(self) -> int:
        """Sightings of which it is known what became of them."""
        return self.stored + self.present + len(self.failed)
