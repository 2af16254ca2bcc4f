"""Opening all that a running service holds, out of its settings."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from service.batching.admission import Admission
from service.batching.backlog import Backlog
from service.batching.batcher import Batcher
from service.batching.branch_queues import Bounds
from service.batching.settings import BatchingSettings
from service.embedding.embedder import Embedder
from service.gallery.gallery import Gallery
from service.gallery.opening import open_gallery
from service.gallery.protocol import GalleryProtocol
from service.gallery.upkeep.retention import RetentionThread, parse_age
from service.http.draining import Draining
from service.ingest.settings import IngestSettings
from service.ingest.storage import Storage
from service.keys.opening import Access, open_access
from service.requests.reception import Reception
from service.running import Running
from service.settings import Settings
from service.telemetry.gallery_figures import gallery_figures
from service.telemetry.metrics import Metrics
from service.telemetry.recall_monitor import RecallMonitor
from service.telemetry.tracing import Tracing, open_tracing
from service.threads.workers import Workers
from vreid import __version__
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits
from vreid.engines.names import GPU_ENGINES
from vreid.engines.processors import usable_processors

if TYPE_CHECKING:
    from service.ingest.crew import Crew
    from service.ingest.intake import Intake

_GPU_DELAY = 0.002

logger = logging.getLogger(__name__)


def open_running(settings: Settings) -> Running:
    """Load the bundle, run its engine once, open the gallery and the queue of ingest.

    Raises:
        BundleError: the bundle is absent or damaged, or the gallery belongs to another model.
        EngineUnavailable: the engine asked for cannot run here.
        GalleryError: the gallery cannot be opened.
        UnsafeRedis: the Redis server of ingest may lose what was accepted.
        AccessError: keys or audit log cannot be opened.
        ConfigurationError: requests are to be traced and OpenTelemetry is not installed.
    """
    check_ingest(settings)
    with ExitStack() as opened:
        access = open_access(settings.access)
        if access is not None:
            opened.callback(access.close)
        tracing = open_tracing(settings.tracing, __version__)
        if tracing is not None:
            opened.callback(tracing.close, 0.0)
        embedder, gallery = _open_embedder_and_gallery(settings)
        opened.callback(gallery.close)
        running = _put_together(settings, embedder, gallery, access, tracing)
        opened.pop_all()
    return running


def _put_together(
    settings: Settings,
    embedder: Embedder,
    gallery: GalleryProtocol,
    access: Access | None,
    tracing: Tracing | None,
) -> Running:
    metrics = Metrics()
    metrics.name_engine(embedder.engine)
    metrics.name_build(__version__, embedder.bundle)
    recall = open_recall_monitor(settings, gallery)
    metrics.figures.watch_gallery(partial(gallery_figures, gallery, recall))
    batcher = open_batcher(settings.batching, embedder, metrics)
    threads = settings.workers or usable_processors()
    backlog = Backlog(batcher, threads)
    ingest = settings.ingest
    storage = Storage(
        embedder, gallery.add_all, gallery.get, settings.keep_crops, batcher.embed_for_ingest
    )
    return Running(
        settings,
        embedder,
        gallery,
        batcher,
        backlog,
        Admission(
            backlog,
            metrics,
            pending=settings.pending,
            deadline=settings.deadline,
            longest_deadline=settings.longest_deadline,
        ),
        Workers(threads, settings.lock_timeout),
        Reception(settings.receiving, settings.receiving_bytes, metrics),
        metrics,
        Draining(),
        *open_ingest(ingest, storage),
        open_retention(settings, gallery),
        access,
        recall,
        tracing,
    )


def open_recall_monitor(settings: Settings, gallery: GalleryProtocol) -> RecallMonitor | None:
    """What estimates the recall of searches, not started yet; None where nothing can be missed."""
    if not (settings.recall.estimate and isinstance(gallery, Gallery)):
        return None
    return RecallMonitor(gallery.sampled_recall, settings.recall.interval, settings.recall.load)


def open_batcher(settings: BatchingSettings, embedder: Embedder, metrics: Metrics) -> Batcher:
    """Queues and lanes in front of the embedder's engine, not started yet."""
    engine, manifest = embedder.engine, embedder.bundle.manifest
    # On a GPU a larger batch costs hardly more; on a CPU it costs what its images cost.
    is_gpu = engine.name in GPU_ENGINES
    delay = settings.delay
    if delay is None:
        delay = _GPU_DELAY if is_gpu else 0.0
    bounds = Bounds(
        sizes=engine.batch_sizes,
        most=min(settings.images or engine.batch_sizes[-1], engine.batch_sizes[-1]),
        delay=delay,
        lanes=engine.lanes,
        ingest_turn=settings.ingest_turn,
        pads=is_gpu,
    )
    return Batcher(engine, manifest.modalities, manifest.feature_size, bounds, metrics)


def open_ingest(settings: IngestSettings, storage: Storage) -> tuple[Intake | None, Crew | None]:
    """The queue and its workers in this process, not started yet; None for what is not set up."""
    if not settings.redis:
        return None, None

    # Only here, as in `open_embedder`: the client of Redis takes a fifth of a second to import.
    from service.ingest.crew import Crew
    from service.ingest.intake import Intake

    return Intake(settings), Crew(settings, storage, settings.workers) if settings.workers else None


def open_retention(settings: Settings, gallery: GalleryProtocol) -> RetentionThread | None:
    """What deletes expired records of a gallery, not started yet; None where nothing expires."""
    if not settings.retention:
        return None
    rules = {camera: parse_age(age) for camera, age in settings.retention.items()}
    return RetentionThread(gallery.delete_selected, rules, settings.retention_interval)


def _open_embedder_and_gallery(settings: Settings) -> tuple[Embedder, GalleryProtocol]:
    """Both at the same moment: each takes its second where no earlier start left anything."""
    bundle = Bundle.load(settings.bundle)
    with ThreadPoolExecutor(1, "open-gallery") as beside:
        opening = beside.submit(
            open_gallery,
            settings.gallery,
            bundle,
            follow_interval=settings.refresh_interval,
            lock_timeout=settings.lock_timeout,
        )
        try:
            embedder = open_embedder(settings, bundle)
        except BaseException:
            if opening.exception() is None:
                opening.result().close()
            raise
        return embedder, opening.result()


def open_embedder(settings: Settings, bundle: Bundle | None = None) -> Embedder:
    """Load the bundle and run its engine once; with the embedding cache where one is configured.

    A bundle that is loaded already can be given.

    Raises:
        BundleError: the bundle is absent or damaged.
        EngineUnavailable: the engine asked for cannot run here.
    """
    limits = ImageLimits(settings.limits.image_bytes, settings.limits.image_pixels)
    bundle = bundle or Bundle.load(settings.bundle)
    embedder = Embedder.open(
        bundle,
        settings.engine,
        settings.threads,
        limits,
        settings.limits.request_pixels,
        settings.precision,
        settings.lanes,
    )
    if settings.cache.redis:
        from service.embedding.embedding_cache import EmbeddingCache

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
        from service.ingest.intake import check_at_start

        for remark in check_at_start(settings.ingest):
            logger.warning("%s", remark)
