"""`GET /info`: what runs here."""

from __future__ import annotations

from fastapi import APIRouter

from service.answers import BundleFacts, EngineFacts, GalleryFacts, InfoAnswer, LimitFacts
from service.routes.dependencies import RunningService
from vreid import __version__

router = APIRouter(tags=["health"])


@router.get("/info", summary="Model, engine, gallery and limits")
def info(running: RunningService) -> InfoAnswer:
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
            threads=getattr(engine, "threads", None),
        ),
        gallery=GalleryFacts(records=running.gallery.count()),
        limits=LimitFacts(**running.settings.limits.model_dump()),
    )
