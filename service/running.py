"""What a running service holds: settings, embedder, gallery, workers, ingest; opened once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from service.embedder import Embedder
from service.embedding_cache import EmbeddingCache
from service.errors import GalleryError
from service.gallery.opening import open_gallery
from service.gallery.protocol import GalleryProtocol
from service.gallery.upkeep.retention import RetentionThread, parse_age
from service.ingest.crew import Crew
from service.ingest.intake import Intake, check_at_start
from service.ingest.storage import Storage
from service.reception import Reception
from service.request_errors import NotReady
from service.settings import Settings
from service.workers import Workers
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """The parts that every call works with.

    Attributes:
        settings: as they were at start-up.
        embedder: bundle and warmed-up engine.
        gallery: the open gallery; it follows what other processes change.
        workers: threads for blocking work.
        reception: room for bodies.
        intake: the queue of ingest, None where no Redis server is configured.
        crew: the workers of ingest in this process, None where there are none.
        retention: deletes what has expired, None where everything is kept.
    """

    settings: Settings
    embedder: Embedder
    gallery: GalleryProtocol
    workers: Workers
    reception: Reception
    intake: Intake | None = None
    crew: Crew | None = None
    retention: RetentionThread | None = None

    @property
    def bundle(self) -> Bundle:
        """The bundle that is served."""
        return self.embedder.bundle

    def check_ready(self) -> dict[str, str]:
        """Ask every part whether it can answer, and return what each said; may block.

        Raises:
            NotReady: naming the part that cannot, and why.
        """
        try:
            self.gallery.refresh()
        except GalleryError as error:
            raise NotReady(f"the gallery cannot be read: {error}") from error
        return {
            "bundle": self.bundle.fingerprint,
            "engine": f"{self.embedder.engine.name}, every branch has run",
            "gallery": "; ".join(
                filter(None, (f"{self.gallery.count()} records", self.gallery.remark))
            ),
        }


def open_running(settings: Settings) -> Running:
    """Load the bundle, run its engine once, open the gallery and the queue of ingest.

    Raises:
        BundleError: the bundle is absent or damaged, or the gallery belongs to another model.
        EngineUnavailable: the engine asked for cannot run here.
        GalleryError: the gallery cannot be opened.
        UnsafeRedis: the Redis server of ingest may lose what was accepted.
    """
    check_ingest(settings)
    embedder = open_embedder(settings)
    gallery = open_gallery(
        settings.gallery,
        embedder.bundle,
        follow_interval=settings.refresh_interval,
        lock_timeout=settings.lock_timeout,
    )
    ingest = settings.ingest
    storage = Storage(embedder, gallery.add_all, gallery.get, settings.keep_crops)
    return Running(
        settings,
        embedder,
        gallery,
        Workers(settings.workers, settings.pending, settings.lock_timeout),
        Reception(settings.receiving, settings.receiving_bytes),
        Intake(ingest) if ingest.redis else None,
        Crew(ingest, storage, ingest.workers) if ingest.redis and ingest.workers else None,
        open_retention(settings, gallery),
    )


def open_retention(settings: Settings, gallery: GalleryProtocol) -> RetentionThread | None:
    """What deletes expired records of a gallery, not started yet; None where nothing expires."""
    if not settings.retention:
        return None
    rules = {camera: parse_age(age) for camera, age in settings.retention.items()}
    return RetentionThread(gallery.delete_selected, rules, settings.retention_interval)


def open_embedder(settings: Settings) -> Embedder:
    """Load the bundle and run its engine once; with the embedding cache where one is configured.

    Raises:
        BundleError: the bundle is absent or damaged.
        EngineUnavailable: the engine asked for cannot run here.
    """
    limits = ImageLimits(settings.limits.image_bytes, settings.limits.image_pixels)
    bundle = Bundle.load(settings.bundle)
    embedder = Embedder.open(
        bundle, settings.engine, settings.threads, limits, settings.limits.request_pixels
    )
    if settings.cache.redis:
        engine = embedder.engine
        embedder.cache = EmbeddingCache(
            settings.cache,
            bundle.fingerprint,
            f"{engine.name}-{engine.precision}",
            bundle.manifest.feature_size,
        )
    return embedder


def check_ingest(settings: Settings) -> None:
    """Look at the Redis server of ingest, if there is one; log what an operator should know.

    Raises:
        UnsafeRedis: the server may lose what was accepted.
    """
    if settings.ingest.redis:
        for remark in check_at_start(settings.ingest):
            logger.warning("%s", remark)
