"""What the service says of itself, and how far an accepted entry is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from vreid.client.embedded import ModelIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFacts(ModelIdentity):
    """The bundle that is served."""

    modalities: tuple[str, ...]
    feature_size: int
    height: int
    width: int
    auto_policy: str
    calibrated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What runs the branches."""

    name: str
    precision: str
    threads: int | None = None
    lanes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSizes:
    """How large the search index is."""

    sealed_segments: int
    sealed_rows: int
    tail_rows: int
    bytes_in_memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryFacts:
    """The gallery that is served; `index` is None where another process searches it."""

    records: int
    index: IndexSizes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFacts:
    """What one request may ask for."""

    request_bytes: int
    image_bytes: int
    image_pixels: int
    request_pixels: int
    samples: int
    k: int
    page: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestFacts:
    """The queue of ingest; numbers are None where it is not available."""

    enabled: bool
    available: bool
    length: int | None = None
    pending: int | None = None
    dead: int | None = None
    limit: int | None = None
    workers: int | None = None
    keeps_on_disk: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Model, engine, gallery, ingest and limits of a service.

    Attributes:
        document: the whole answer, with what this client has no name for.
    """

    version: str
    model: BundleFacts
    engine: EngineFacts
    gallery: GalleryFacts
    ingest: IngestFacts
    limits: LimitFacts
    document: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Answer of a probe that found everything well."""

    status: str
    checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReceipt:
    """An entry that was accepted, which is not stored yet.

    Attributes:
        id: of the entry.
        status: always ``accepted``.
        repeated: whether it was accepted before; nothing was added then.
    """

    id: str
    status: Literal["accepted"]
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestProgress:
    """How far an accepted entry is.

    Attributes:
        id: of the entry.
        status: ``waiting``, ``embedding``, ``stored`` or ``failed``.
        accepted_at: when it was accepted.
        updated_at: when its status changed.
        attempts: how many times a worker began.
        records: ids of the gallery's records, in the order of the sightings; None until stored.
        warnings: sentences about each sighting's images.
        problem: why it failed, as the document of an error; None unless failed.
    """

    id: str
    status: Literal["waiting", "embedding", "stored", "failed"]
    accepted_at: datetime
    updated_at: datetime
    attempts: int
    records: tuple[str, ...] | None = None
    warnings: tuple[tuple[str, ...], ...] = ()
    problem: Mapping[str, object] | None = None
