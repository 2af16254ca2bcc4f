"""`GET /status`: what the service does just now, for people who look at a page."""

from __future__ import annotations

import re
import time
from pathlib import Path, PurePath
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from service.batching.urgency import Urgency
from service.errors import GalleryError
from service.jobs.listing import jobs_of
from service.keys.caller import caller_of
from service.keys.key import Key
from service.messages.answers import EngineFacts
from service.messages.presentation import model_identity
from service.messages.status import (
    BranchImages,
    GalleryStatus,
    IngestStatus,
    JobStatus,
    QueueStatus,
    RecallStatus,
    StatusAnswer,
)
from service.routes.dependencies import RunningService
from service.running import Running
from service.telemetry.gallery_figures import gallery_figures
from vreid import __version__
from vreid.modality import Modality

_FOLDERS = re.compile(r"(?<![\w./])/(?:[^\s/'\"]+/)+")
"""What stands before the last part of an absolute path."""

router = APIRouter(tags=["health"])


async def ingest_status(running: RunningService) -> IngestStatus | None:
    """Return the state of ingest; a Redis server that is gone is a fact and no error."""
    if running.intake is None:
        return None
    figures = await running.intake.figures()
    return IngestStatus(
        available=figures.is_available,
        waiting=figures.waiting,
        lag_seconds=figures.lag_seconds,
        failed=figures.failed,
    )


def queue_status(running: Running) -> QueueStatus:
    """Return what is held, what waits, and how long a search would."""

    def waiting(modality: Modality) -> int:
        served = running.bundle.manifest.modalities
        return running.batcher.waiting(modality) if modality in served else 0

    return QueueStatus(
        held=running.admission.held,
        images=BranchImages(
            rgb=waiting(Modality.RGB), nir=waiting(Modality.NIR), tir=waiting(Modality.TIR)
        ),
        wait_seconds=running.backlog.seconds(Urgency.SEARCH),
    )


def gallery_status(running: Running) -> GalleryStatus | None:
    """Return how much the gallery holds and searches find; None where it cannot be asked."""
    try:
        figures = gallery_figures(running.gallery, running.recall)
    except GalleryError:
        # A page that shows what is well says more than a problem; /health/ready tells why.
        return None
    latest = None if running.recall is None else running.recall.latest
    return GalleryStatus(
        records=figures.records,
        segments=figures.segments,
        unsealed=figures.unsealed,
        recall=None
        if latest is None
        else RecallStatus(
            estimate=latest.estimate,
            margin=latest.margin,
            at=latest.results,
            queries=latest.queries,
            measured_at=latest.measured_at,
        ),
    )


def job_status(running: Running) -> list[JobStatus]:
    """Return the jobs on the gallery, newest first; one in Milvus tells of none."""
    place = running.settings.gallery
    if not isinstance(place, Path):
        return []
    return [JobStatus(**job.model_dump(exclude={"version"})) for job in jobs_of(place)]


def told_to(caller: Key | None, job: JobStatus) -> JobStatus:
    """Return a job as its caller may see it: where things lie on this machine is for admin."""
    if caller is None or caller.allows("admin"):
        return job
    name = PurePath(job.source).name or job.source
    reason = job.reason and _FOLDERS.sub("", job.reason.replace(job.source, name))
    return job.model_copy(update={"source": name, "reason": reason})


@router.get("/status", summary="What happens here now")
def status(
    request: Request,
    running: RunningService,
    ingest: Annotated[IngestStatus | None, Depends(ingest_status)],
) -> StatusAnswer:
    """Return what the console's page of the same name shows."""
    engine = running.embedder.engine
    return StatusAnswer(
        version=__version__,
        uptime_seconds=time.monotonic() - running.started,
        model=model_identity(running.bundle),
        engine=EngineFacts(
            name=engine.name,
            precision=engine.precision,
            threads=engine.threads,
            lanes=engine.lanes,
        ),
        queue=queue_status(running),
        gallery=gallery_status(running),
        ingest=ingest,
        jobs=[told_to(caller_of(request.scope), job) for job in job_status(running)],
    )
