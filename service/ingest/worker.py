"""A worker: takes one entry at a time from the stream, stores it, acknowledges it.

It may be killed between any two of its steps. Before the gallery's transaction, nothing is stored
and another worker takes the entry over; after it, whoever takes it over finds the records.
"""

from __future__ import annotations

import json
import logging
import threading
import time

from redis.exceptions import RedisError

from service.errors import (
    GalleryClosed,
    GalleryDamaged,
    GalleryLocked,
    GalleryRetired,
    GalleryUnavailable,
    GalleryUnwritable,
)
from service.ingest.entry import Entry
from service.ingest.queue import EntryQueue, Taken
from service.ingest.settings import IngestSettings
from service.ingest.storage import Storage
from service.messages.problems import problem_document_of, unexpected_problem_document
from service.request_errors import MalformedBody
from vreid.errors import VreidError

GALLERY_OUTAGES = (
    GalleryClosed,
    GalleryDamaged,
    GalleryLocked,
    GalleryRetired,
    GalleryUnavailable,
    GalleryUnwritable,
)
"""What is wrong with the gallery and not with an entry: it waits, and no try is counted."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

logger = logging.getLogger(__name__)


class IngestWorker:
    """One consumer of the stream; `run` belongs to one thread."""

    def __init__(
        self, name: str, queue: EntryQueue, storage: Storage, settings: IngestSettings
    ) -> None:
        self.name = name
        self._queue = queue
        self._storage = storage
        self._settings = settings
        self._connected = False
        self._next_look = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; the entry that is in work then is finished first."""
        pause = _FIRST_PAUSE
        while not stop.is_set():
            try:
                self.work_once(stop)
            except RedisError as error:
                if pause == _FIRST_PAUSE:
                    logger.warning("%s waits for Redis: %s", self.name, error)
                stop.wait(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                pause = _FIRST_PAUSE
        if self._connected:
            self._leave()

    def work_once(self, stop: threading.Event) -> bool:
        """Take an entry and finish it; return whether there was one.

        Raises:
            redis.exceptions.RedisError: Redis is gone; what was taken comes again.
        """
        try:
            if not self._connected:
                self._queue.open()
                logger.info("%s is connected", self.name)
            taken = self._take()
            if taken is None:
                return False
            self._finish(taken, stop)
        except RedisError:
            # It may come back without the stream.
            self._connected = False
            raise
        return True

    def _take(self) -> Taken | None:
        """Return an entry: after an outage the worker's own, then abandoned ones, then new ones."""
        if not self._connected:
            own = self._queue.own(self.name)
            if own is not None:
                return own
            self._connected = True
        if time.monotonic() >= self._next_look:
            abandoned = self._queue.abandoned(self.name)
            if abandoned is not None:
                return abandoned
            self._next_look = time.monotonic() + self._settings.idle / 4
        return self._queue.fresh(self.name)

    def _finish(self, taken: Taken, stop: threading.Event) -> None:
        entry = taken.entry
        if entry is None:
            document = problem_document_of(MalformedBody(taken.damage), "none")
            self._give_up(taken, taken.damage, document, 1)
            return
        attempt = self._queue.begin(entry)
        if attempt > self._settings.attempts:
            reason = f"its worker ended {self._settings.attempts} times while it was embedded"
            self._give_up(taken, reason, unexpected_problem_document(entry.request_id), attempt - 1)
            return
        try:
            stored = self._store(taken, entry, stop)
        except VreidError as error:
            document = problem_document_of(error, entry.request_id)
            final = document["status"] < 500
            self._failed(taken, entry, str(error), document, attempt, final)
        except RedisError:
            raise
        except Exception as error:
            logger.exception("The entry %s failed", entry.id)
            reason = f"{type(error).__name__}: {error}"
            document = unexpected_problem_document(entry.request_id)
            self._failed(taken, entry, reason, document, attempt, final=False)
        else:
            if stored is not None:
                self._queue.stored(taken, entry, *stored)
                logger.info("%s stored the entry %s", self.name, entry.id)

    def _store(
        self, taken: Taken, entry: Entry, stop: threading.Event
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] | None:
        """Store an entry, waiting while the gallery cannot; None when told to stop meanwhile."""
        pause = _FIRST_PAUSE
        while True:
            try:
                stored = self._storage.store(entry)
            except GALLERY_OUTAGES as error:
                if pause == _FIRST_PAUSE:
                    logger.warning("%s waits for the gallery: %s", self.name, error)
                if stop.wait(min(pause, self._settings.idle / 2)):
                    return None
                pause = min(_LONGEST_PAUSE, pause * 2)
                self._queue.hold(self.name, taken.stream_id)
            else:
                return stored.record_ids, stored.warnings

    def _failed(
        self,
        taken: Taken,
        entry: Entry,
        reason: str,
        document: dict[str, object],
        attempt: int,
        final: bool,
    ) -> None:
        if final or attempt >= self._settings.attempts:
            self._give_up(taken, reason, document, attempt)
            return
        # Not acknowledged: it comes again after `idle` seconds, to this worker or another.
        logger.warning(
            "The entry %s failed, try %d of %d: %s",
            *(entry.id, attempt, self._settings.attempts, reason),
        )

    def _give_up(
        self, taken: Taken, reason: str, document: dict[str, object], attempts: int
    ) -> None:
        entry_id = "that cannot be read" if taken.entry is None else taken.entry.id
        logger.error("The entry %s is given up: %s", entry_id, reason)
        self._queue.give_up(taken, reason, json.dumps(document), attempts)

    def _leave(self) -> None:
        try:
            self._queue.leave(self.name)
        except RedisError as error:
            logger.info("%s could not say goodbye: %s", self.name, error)
