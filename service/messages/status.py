"""What `GET /status` answers, as models."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from service.jobs.job import JobKind, JobState
from service.messages.answers import EngineFacts, ModelIdentity


class BranchImages(BaseModel):
    """A number of images for each branch; 0 for one that the model does not have."""

    rgb: int
    nir: int
    tir: int


class QueueStatus(BaseModel):
    """What is in work."""

    held: int = Field(description="requests that were let in and are not answered yet")
    images: BranchImages = Field(description="images that wait for a lane")
    wait_seconds: float = Field(description="how long a search that came now would wait")


class RecallStatus(BaseModel):
    """How much of what is truly nearest a search finds, by searching for some of the records."""

    estimate: float = Field(ge=0, le=1, description="share that is found, 0 to 1")
    margin: float = Field(ge=0, description="two standard errors of the share")
    at: int = Field(description="the best so many results are compared")
    queries: int = Field(description="searches that were compared")
    measured_at: datetime


class GalleryStatus(BaseModel):
    """The gallery that is served; `segments` and `unsealed` are null for one in Milvus."""

    records: int
    segments: int | None = Field(description="sealed segments of the index")
    unsealed: int | None = Field(description="records that are in no segment yet")
    recall: RecallStatus | None = Field(
        description="null while it is not measured, and where every record is compared exactly"
    )


class IngestStatus(BaseModel):
    """The queue of `POST /ingest`; the numbers are null while Redis does not answer."""

    available: bool = Field(description="whether entries are accepted now")
    waiting: int | None = Field(description="entries that are accepted and not stored yet")
    lag_seconds: float | None = Field(description="age of the oldest of them, 0 without any")
    failed: int | None = Field(description="entries that were given up")


class JobStatus(BaseModel):
    """A job of the command line on this gallery."""

    id: str = Field(examples=["20260301T120000000000Z-5f6071aa"])
    kind: JobKind
    source: str = Field(
        description="what it reads, as its user named it; with keys, the whole path for admin "
        "alone, and its last part for others"
    )
    state: JobState = Field(
        description="interrupted: it ended early and said so; lost: its process is gone"
    )
    done: int = Field(description="indexed, updated, skipped and rejected ones together")
    total: int | None = Field(description="null while it is being counted")
    indexed: int
    updated: int = Field(description="records that got other labels")
    skipped: int
    rejected: int
    started_at: datetime
    updated_at: datetime
    per_second: float | None = Field(description="lately; over all when it has ended")
    reason: str | None = Field(description="why it ended early")


class StatusAnswer(BaseModel):
    """Answer of `GET /status`."""

    version: str
    uptime_seconds: float
    model: ModelIdentity
    engine: EngineFacts
    queue: QueueStatus
    gallery: GalleryStatus | None = Field(description="null while it cannot be asked")
    ingest: IngestStatus | None = Field(description="null where no Redis server is configured")
    jobs: list[JobStatus] = Field(description="newest first; those of 20 at most are kept")
