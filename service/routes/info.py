"""`GET /info`: what runs here."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends

from service.gallery.gallery import GalleryInfo
from service.ingest.errors import IngestUnavailable
from service.messages.answers import (
    BundleFacts,
    EngineFacts,
    GalleryFacts,
    IndexSizes,
    InfoAnswer,
    IngestFacts,
    LimitFacts,
)
from service.routes.dependencies import RunningService
from vreid import __version__

router = APIRouter(tags=["health"])


async def ingest_facts(running: RunningService) -> IngestFacts:
    """Return the state of ingest; a Redis server that is gone is a fact and no error."""
    facts = None
    if running.intake is not None:
        with suppress(IngestUnavailable):
            facts = await running.intake.facts()
    return IngestFacts(
        enabled=running.intake is not None,
        available=facts is not None,
        length=None if facts is None else facts.length,
        pending=None if facts is None else facts.pending,
        dead=None if facts is None else facts.dead,
        limit=running.settings.ingest.length,
        workers=0 if running.crew is None else running.crew.working,
        keeps_on_disk=None if facts is None else facts.keeps_on_disk,
    )


def gallery_facts(info: GalleryInfo) -> GalleryFacts:
    """Return how much the gallery holds, and how large its index is."""
    index = info.index
    return GalleryFacts(
        records=info.records,
        index=None
        if index is None
        else IndexSizes(
            sealed_segments=index.sealed_segments,
            sealed_rows=index.sealed_rows,
            tail_rows=index.tail_rows,
            bytes_in_memory=index.bytes_in_memory,
        ),
    )


@router.get("/info", summary="Model, engine, gallery, ingest and limits")
def info(
    running: RunningService, ingest: Annotated[IngestFacts, Depends(ingest_facts)]
) -> InfoAnswer:
    """Return facts for people and for clients that have to fit into the limits."""
    manifest = running.bundle.manifest
    engine = running.embedder.engine
    return InfoAnswer(
        version=__version__,
        model=BundleFacts(
            name=manifest.name,
            version=manifest.version,
            fingerprint=manifest.fingerprint,
            modalities=[modality.value for modality in manifest.modalities],
            feature_size=manifest.feature_size,
            height=manifest.preprocessing.height,
            width=manifest.preprocessing.width,
            auto_policy=manifest.auto_policy,
            calibrated=manifest.calibration is not None,
        ),
        engine=EngineFacts(
            name=engine.name,
            precision=engine.precision,
            threads=engine.threads,
            lanes=engine.lanes,
        ),
        gallery=gallery_facts(running.gallery.info()),
        ingest=ingest,
        limits=LimitFacts(**running.settings.limits.model_dump()),
    )
