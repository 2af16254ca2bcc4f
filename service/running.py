"""What a running service holds: settings, embedder, lanes, gallery, ingest."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio.to_thread

from service.batching.admission import Admission
from service.batching.backlog import Backlog
from service.batching.batcher import Batcher
from service.embedding.embedder import Embedder
from service.errors import GalleryError
from service.gallery.protocol import GalleryProtocol
from service.gallery.upkeep.retention import RetentionThread
from service.http.draining import Draining
from service.keys.opening import Access
from service.request_errors import NotReady
from service.requests.reception import Reception
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.telemetry.recall_monitor import RecallMonitor
from service.telemetry.tracing import Tracing
from service.threads.workers import Workers
from vreid.bundle import Bundle

if TYPE_CHECKING:
    from service.ingest.crew import Crew
    from service.ingest.intake import Intake

_CLOSING_SECONDS = 6
"""That closing may take after the requests had their time: what starts and stops the service gives
it ten."""


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
        recall: estimates how much searches find, None where it is not asked to or need not.
        tracing: sends traces of requests, None where no collector is configured.
        started: the moment of `time.monotonic()` at which it was opened.
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
    recall: RecallMonitor | None = None
    tracing: Tracing | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def bundle(self) -> Bundle:
        """The bundle that is served."""
        return self.embedder.bundle

    def check_ready(self) -> dict[str, str]:
        """Ask every part whether it can answer, and return what each said; may block.

        Raises:
            NotReady: naming the part that cannot, and why.
        """
        self.check_open()
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

    def check_open(self) -> None:
        """Ask what takes no time to ask: whether requests are taken, and whether the lanes run.

        Raises:
            NotReady: the service shuts down, or as `check_lanes` says.
        """
        if self.draining.has_begun:
            raise NotReady("the service is shutting down; send requests to another")
        self.check_lanes()

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
        if self.recall is not None:
            self.recall.start()

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
            if self.tracing is not None:
                steps.push_async_callback(within, self.tracing.close)
            if self.embedder.cache is not None:
                steps.callback(self.embedder.cache.close)
            if self.intake is not None:
                steps.push_async_callback(self.intake.close)
            steps.push_async_callback(within, self.workers.close)
            steps.push_async_callback(within, self.batcher.close)
            if self.retention is not None:
                steps.push_async_callback(within, self.retention.stop)
            if self.recall is not None:
                steps.push_async_callback(within, self.recall.stop)
            if self.crew is not None:
                steps.push_async_callback(within, self.crew.stop)
