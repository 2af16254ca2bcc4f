"""What a running service holds: settings, embedder, lanes, gallery, ingest; opened once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass

import anyio.to_thread

from service.batching.admission import Admission
from service.batching.backlog import Backlog
from service.batching.batcher import Batcher
from service.batching.branch_queues import Bounds
from service.batching.settings import BatchingSettings
from service.embedding.embedder import Embedder
from service.embedding.embedding_cache import EmbeddingCache
from service.errors import GalleryError
from service.gallery.opening import open_gallery
from service.gallery.protocol import GalleryProtocol
from service.gallery.upkeep.retention import RetentionThread, parse_age
from service.http.draining import Draining
from service.ingest.crew import Crew
from service.ingest.intake import Intake, check_at_start
from service.ingest.storage import Storage
from service.keys.opening import Access, open_access
from service.request_errors import NotReady
from service.requests.reception import Reception
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.threads.workers import Workers
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits
from vreid.engines.names import GPU_ENGINES
from vreid.engines.processors import usable_processors

_GPU_DELAY = 0.002

_CLOSING_SECONDS = 6
"""That closing may take after the requests had their time: what starts and stops the service gives
it ten."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """The parts that every call works with.

    Attributes:
        settings: as they were at start-up.
        embedder: bundle and warmed-up engine.
        gallery: the open gallery; it follows what other processes change.
        batcher: queues and lanes in front of the engine.
        backlog: how long a request would wait.
        admission: who is let in.
        workers: threads for blocking work.
        reception: room for bodies.
        metrics: what is counted and measured.
        draining: whether the service has been told to stop.
        intake: the queue of ingest, None where no Redis server is configured.
        crew: the workers of ingest in this process, None where there are none.
        retention: deletes what has expired, None where everything is kept.
        access: keys and audit log, None where no keys are asked for.
    """

    settings: Settings
    embedder: Embedder
    gallery: GalleryProtocol
    batcher: Batcher
    backlog: Backlog
    admission: Admission
    workers: Workers
    reception: Reception
    metrics: Metrics
    draining: Draining
    intake: Intake | None = None
    crew: Crew | None = None
    retention: RetentionThread | None = None
    access: Access | None = None

    @property
    def bundle(self) -> Bundle:
        """The bundle that is served."""
        return self.embedder.bundle

    def check_ready(self) -> dict[str, str]:
        """Ask every part whether it can answer, and return what each said; may block.

        Raises:
            NotReady: naming the part that cannot, and why.
        """
        if self.draining.has_begun:
            raise NotReady("the service is shutting down; send requests to another")
        self.check_lanes()
        try:
            self.gallery.refresh()
        except GalleryError as error:
            raise NotReady(f"the gallery cannot be read: {error}") from error
        return {
            "bundle": self.bundle.fingerprint,
            "engine": f"{self.embedder.engine.name}, every branch has run",
            "lanes": f"{self.batcher.lanes_running} of {self.batcher.lanes} run",
            "gallery": "; ".join(
                filter(None, (f"{self.gallery.count()} records", self.gallery.remark))
            ),
        }

    def check_lanes(self) -> None:
        """Ask whether every lane runs.

        Raises:
            NotReady: one has ended by a fault, or computes for so long that it hangs.
        """
        if hung := self.batcher.hung_lanes():
            raise NotReady(
                f"{hung} of {self.batcher.lanes} lanes compute for many times as long as usual; "
                "start the service again if that does not end"
            )
        running, lanes = self.batcher.lanes_running, self.batcher.lanes
        if running < lanes:
            raise NotReady(
                f"{lanes - running} of {lanes} lanes ended by a fault; the log says why; start the "
                "service again"
            )

    def check_alive(self) -> None:
        """Ask whether any lane runs.

        Raises:
            NotReady: all have ended by faults, which only a new start mends.
        """
        if not self.batcher.lanes_running:
            self.check_lanes()

    def start(self) -> None:
        """Begin to work: threads, lanes, ingest, retention."""
        self.workers.start()
        self.batcher.start()
        if self.crew is not None:
            self.crew.start()
        if self.retention is not None:
            self.retention.start()

    async def close(self) -> None:
        """Finish what is in work and close everything.

        All steps together end `drain_timeout` and a few seconds after the service was told to stop;
        what is not finished then is left. A step that fails keeps no other from its turn.
        """
        deadline = self.draining.deadline(self.settings.drain_timeout + _CLOSING_SECONDS)

        async def within(stop: Callable[[float], None]) -> None:
            await anyio.to_thread.run_sync(stop, max(0.0, deadline - time.monotonic()))

        # The last that is named is closed first.
        async with AsyncExitStack() as steps:
            if self.access is not None:
                steps.callback(self.access.close)
            steps.callback(self.gallery.close)
            if self.embedder.cache is not None:
                steps.callback(self.embedder.cache.close)
            if self.intake is not None:
                steps.push_async_callback(self.intake.close)
            steps.push_async_callback(within, self.workers.close)
            steps.push_async_callback(within, self.batcher.close)
            if self.retention is not None:
                steps.push_async_callback(within, self.retention.stop)
            if self.crew is not None:
                steps.push_async_callback(within, self.crew.stop)


def open_running(settings: Settings) -> Running:
    """Load the bundle, run its engine once, open the gallery and the queue of ingest.

    Raises:
        BundleError: the bundle is absent or damaged, or the gallery belongs to another model.
        EngineUnavailable: the engine asked for cannot run here.
        GalleryError: the gallery cannot be opened.
        UnsafeRedis: the Redis server of ingest may lose what was accepted.
        AccessError: keys or audit log cannot be opened.
    """
    check_ingest(settings)
    with ExitStack() as opened:
        access = open_access(settings.access)
        if access is not None:
            opened.callback(access.close)
        embedder, gallery = _open_embedder_and_gallery(settings)
        opened.callback(gallery.close)
        running = _put_together(settings, embedder, gallery, access)
        opened.pop_all()
    return running


def _put_together(
    settings: Settings, embedder: Embedder, gallery: GalleryProtocol, access: Access | None
) -> Running:
    metrics = Metrics()
    metrics.name_engine(embedder.engine)
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
        Intake(ingest) if ingest.redis else None,
        Crew(ingest, storage, ingest.workers) if ingest.redis and ingest.workers else None,
        open_retention(settings, gallery),
        access,
    )


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
