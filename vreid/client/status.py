"""What the service says of its state now, and of whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vreid.client.embedded import ModelIdentity
from vreid.client.facts import EngineFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sent the request.

    Attributes:
        authenticated: whether it came with a key; False where the service asks for none.
        role: ``search``, ``enrol`` or ``admin``: each may do what those before may.
        name: whom or what the key was made for.
    """

    authenticated: bool
    role: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchImages:
    """A number of images for each branch."""

    rgb: int = 0
    nir: int = 0
    tir: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """What is in work: requests held, images that wait, seconds that a search would wait."""

    held: int
    images: BranchImages
    wait_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallStatus:
    """Share of what is truly nearest that searches find, and two standard errors of it."""

    estimate: float
    margin: float
    at: int
    queries: int
    measured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryStatus:
    """The gallery; `recall` is None while it is not measured and where searches are exact."""

    records: int
    segments: int | None = None
    unsealed: int | None = None
    recall: RecallStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStatus:
    """The queue of ingest; the numbers are None while Redis does not answer."""

    available: bool
    waiting: int | None = None
    lag_seconds: float | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job of the command line on the gallery.

    Attributes:
        kind: ``index``, ``import`` or ``reindex``.
        state: ``running``, ``finished``, ``interrupted``, or ``lost`` where its process is gone.
        done: samples or records handled, of `total`.
        reason: why it ended early.
    """

    id: str
    kind: str
    source: str
    state: str
    done: int
    total: int | None = None
    indexed: int
    updated: int
    skipped: int
    rejected: int
    started_at: datetime
    updated_at: datetime
    per_second: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What runs and what waits; `gallery` is None while it cannot be asked."""

    version: str
    uptime_seconds: float
    model: ModelIdentity
    engine: EngineFacts
    queue: QueueStatus
    gallery: GalleryStatus | None = None
    ingest: IngestStatus | None = None
    jobs: tuple[JobStatus, ...] = ()
