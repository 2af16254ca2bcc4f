"""What the calls answer, as models."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from service.messages.problems import ProblemBody

AttributeValue = str | int | float | bool
Vector = list[float] | str


class ModelIdentity(BaseModel):
    """The model that made the features; features of another fingerprint are not comparable."""

    name: str
    version: str
    fingerprint: str


class ModalityMask(BaseModel):
    """Which modalities a sample has."""

    rgb: bool
    nir: bool
    tir: bool


class EmbeddedSample(BaseModel):
    """The representations of one sample; both are L2-normalised."""

    mask: ModalityMask
    center: Vector = Field(description="masked geometric center, D numbers")
    concat: Vector | None = Field(description="concatenation, 3D numbers; null unless complete")
    features: list[Vector | None] | None = Field(
        default=None,
        description="branch features of rgb, nir, tir, if asked for; null where missing",
    )
    warnings: list[str]


class EmbedAnswer(BaseModel):
    """Answer of `POST /embed`, samples in the order they were sent."""

    model: ModelIdentity
    samples: list[EmbeddedSample]


class Thumbnails(BaseModel):
    """Addresses of a record's pictures, null where there is none."""

    rgb: str | None = None
    nir: str | None = None
    tir: str | None = None


class RecordBody(BaseModel):
    """A record of the gallery."""

    id: str
    identity: str | None
    camera: str | None
    scene: str | None
    captured_at: datetime | None
    attributes: dict[str, AttributeValue]
    mask: ModalityMask
    thumbnails: Thumbnails


class StoredRecord(RecordBody):
    """A record as the gallery's own calls show it."""

    source: dict[str, str] = Field(description="file each image was indexed from, if any")
    created_at: datetime


class EnrolledRecord(StoredRecord):
    """Answer of `POST /gallery`; the record is on the disk."""

    warnings: list[str]


class EnrolledRecords(BaseModel):
    """Answer of `POST /gallery` with several sightings; every record is on the disk."""

    records: list[EnrolledRecord] = Field(description="in the order of the samples")


class IngestLinks(BaseModel):
    """Where to look next."""

    self: str = Field(
        description="progress of the entry", examples=["/ingest/8b0c6c0f3f5b4f0e9a1d2c3b4a5f6071"]
    )
    records: list[str] = Field(
        default=[],
        description="addresses of the records, once they are stored",
        examples=[["/gallery/8b0c6c0f3f5b4f0e9a1d2c3b4a5f6071"]],
    )


class AcceptedIngest(BaseModel):
    """Answer of `POST /ingest`: accepted is not stored yet."""

    id: str = Field(examples=["8b0c6c0f3f5b4f0e9a1d2c3b4a5f6071"])
    status: Literal["accepted"] = "accepted"
    repeated: bool = Field(description="whether it was accepted before; nothing was added then")
    links: IngestLinks


class IngestProgress(BaseModel):
    """Answer of `GET /ingest/{id}`."""

    id: str = Field(examples=["8b0c6c0f3f5b4f0e9a1d2c3b4a5f6071"])
    status: Literal["waiting", "embedding", "stored", "failed"] = Field(
        description="stored: the records are on the gallery's disk; failed: `problem` says why"
    )
    accepted_at: datetime
    updated_at: datetime
    attempts: int = Field(description="how many times a worker began")
    records: list[str] | None = Field(
        description="ids of the gallery's records, in the order of the samples; null until stored",
        examples=[["8b0c6c0f3f5b4f0e9a1d2c3b4a5f6071"]],
    )
    warnings: list[list[str]] = Field(description="sentences about each sample's images")
    problem: ProblemBody | None
    links: IngestLinks


class GalleryPage(BaseModel):
    """One page of the gallery, oldest record first."""

    records: list[StoredRecord]
    next_cursor: str | None = Field(description="give it as `cursor`; null on the last page")


class DeletedRecords(BaseModel):
    """Answer of `DELETE /gallery`."""

    matched: int = Field(description="records that passed the filter")
    deleted: int = Field(
        description="as many, less those that others corrected or deleted meanwhile; 0 with dry_run"
    )


class Verdict(BaseModel):
    """Same vehicle or not, at one calibrated operating point."""

    same: bool
    false_accept_rate: float
    threshold: float = Field(description="the score from which on a pair counts as the same")


class CompareAnswer(BaseModel):
    """Answer of `POST /compare`."""

    model: ModelIdentity
    policy: str
    score: float
    probability: float | None
    verdict: Verdict | None = Field(description="null without a calibrated threshold")
    contributions: dict[str, float]
    a: ModalityMask
    b: ModalityMask
    warnings: list[str]


class HealthAnswer(BaseModel):
    """Answer of a probe that found everything well."""

    status: str
    checks: dict[str, str]


class EngineFacts(BaseModel):
    """What runs the branches."""

    name: str
    precision: str
    threads: int = Field(description="processors that it keeps busy when all its lanes run")
    lanes: int = Field(description="runs at the same moment that do not slow each other")


class BundleFacts(ModelIdentity):
    """The bundle that is served."""

    modalities: list[str]
    feature_size: int
    height: int
    width: int
    auto_policy: str
    calibrated: bool


class IndexSizes(BaseModel):
    """How large a search index is: deleted rows count until their segment is written anew."""

    sealed_segments: int
    sealed_rows: int
    tail_rows: int
    bytes_in_memory: int


class GalleryFacts(BaseModel):
    """The gallery that is served; `index` is null where it is not searched in this process."""

    records: int
    index: IndexSizes | None


class LimitFacts(BaseModel):
    """What one request may ask for."""

    request_bytes: int
    image_bytes: int
    image_pixels: int
    request_pixels: int
    samples: int
    k: int
    page: int


class IngestFacts(BaseModel):
    """The queue of `POST /ingest`."""

    enabled: bool = Field(description="whether a Redis server is configured")
    available: bool = Field(description="whether entries are accepted now")
    length: int | None = Field(description="entries that are not done; null when not available")
    pending: int | None = Field(description="of these, entries that workers hold")
    dead: int | None = Field(description="entries that were given up")
    limit: int = Field(description="length from which on entries are told 429")
    workers: int = Field(description="workers in this process")
    keeps_on_disk: bool | None = Field(description="whether Redis has its append-only file on")


class InfoAnswer(BaseModel):
    """Answer of `GET /info`."""

    version: str
    model: BundleFacts
    engine: EngineFacts
    gallery: GalleryFacts
    ingest: IngestFacts
    limits: LimitFacts
