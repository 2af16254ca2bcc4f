"""The service's side of the queue: accept entries, say how far they are; on the event loop."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain

from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from service.ingest import scripts
from service.ingest.entry import Entry, to_fields
from service.ingest.errors import (
    IdempotencyKeyReused,
    IngestFull,
    IngestUnavailable,
    UnknownIngest,
    UnsafeRedis,
)
from service.ingest.keys import GROUP, Keys
from service.ingest.progress import Progress, read_progress
from service.ingest.settings import IngestSettings
from service.redis_server import (
    AsyncClient,
    Reply,
    Word,
    command_async,
    connect,
    connect_async,
    keeps_on_disk,
    why_unsafe,
)
from service.telemetry.figures import IngestFigures

_TRUST_SECONDS = 5.0
"""How long a look at the server's settings holds; they can be changed while it runs."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """The state of the queue.

    Attributes:
        waiting: entries that no worker has begun.
        pending: entries that workers hold.
        dead: entries that were given up.
        keeps_on_disk: whether Redis has its append-only file on.
    """

    waiting: int
    pending: int
    dead: int
    keeps_on_disk: bool

    @property
    def length(self) -> int:
        """Entries that are not done; the bound `ingest.length` counts them."""
        return self.waiting + self.pending


class Intake:
    """The queue as the service sees it; every method belongs to one event loop."""

    def __init__(self, settings: IngestSettings) -> None:
        self.settings = settings
        self._keys = Keys(settings.name)
        self._redis: AsyncClient = connect_async(settings, settings.timeout)
        self._trusted_until = 0.0
        self._keeps_on_disk = False

    async def accept(self, entry: Entry) -> bool:
        """Put an entry into the stream; return False when its id was accepted before.

        Raises:
            IngestFull: as many entries wait as may, or Redis has no memory left.
            IngestUnavailable: Redis is gone, or may lose entries.
            IdempotencyKeyReused: the id was accepted before with another content.
        """
        async with self._available():
            await self._check_trust()
            outcome = await self._accept(entry)
        if outcome == b"full":
            raise IngestFull(
                f"{self.settings.length} entries wait to be embedded and no more are held at a "
                "time; try again later, and start more workers if this lasts"
            )
        if outcome == b"other":
            raise IdempotencyKeyReused
        return bool(outcome == b"accepted")

    async def progress(self, entry_id: str) -> Progress:
        """Return how far an entry has come.

        Raises:
            UnknownIngest: nothing is known under this id, or not any more.
            IngestUnavailable: Redis is gone.
        """
        async with self._available():
            fields = await self._command("HGETALL", self._keys.progress(entry_id))
        progress = read_progress(fields)
        if progress is None:
            raise UnknownIngest(entry_id)
        return progress

    async def facts(self) -> QueueFacts:
        """Return the state of the queue.

        Raises:
            IngestUnavailable: Redis is gone, or may lose entries.
        """
        async with self._available():
            await self._check_trust()
            length = int(await self._command("XLEN", self._keys.stream))
            dead = int(await self._command("XLEN", self._keys.dead))
            pending = await self._pending()
        return QueueFacts(max(0, length - pending), pending, dead, self._keeps_on_disk)

    async def figures(self) -> IngestFigures:
        """Return what is measured of the queue; without numbers where Redis does not answer."""
        try:
            facts = await self.facts()
            async with self._available():
                age = await self._command("EVAL", scripts.LAG, 1, self._keys.stream)
        except IngestUnavailable:
            return IngestFigures()
        return IngestFigures(facts.length, int(age) / 1000, facts.dead)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _accept(self, entry: Entry) -> bytes:
        fields: list[str | bytes] = list(chain.from_iterable(to_fields(entry).items()))
        try:
            outcome = await self._command(
                "EVAL",
                scripts.ACCEPT,
                2,
                self._keys.stream,
                self._keys.progress(entry.id),
                self.settings.length,
                entry.digest,
                entry.accepted_at,
                json.dumps(entry.record_ids),
                *fields,
            )
        except OutOfMemoryError as error:
            raise IngestFull(
                "the Redis server has no memory left for another entry; try again later, and "
                "raise its maxmemory or start more workers if this lasts"
            ) from error
        assert isinstance(outcome, bytes)
        return outcome

    async def _pending(self) -> int:
        try:
            groups = await self._command("XINFO GROUPS", self._keys.stream)
        except ResponseError:
            return 0  # There is no stream yet.
        counts = {group["name"]: int(group["pending"]) for group in groups}
        return counts.get(GROUP.encode(), 0)

    async def _check_trust(self) -> None:
        if time.monotonic() < self._trusted_until:
            return
        information = await self._command("INFO")
        reason = why_unsafe(information)
        if reason is not None:
            raise IngestUnavailable(f"the Redis server of ingest cannot be used: {reason}")
        self._keeps_on_disk = keeps_on_disk(information)
        self._trusted_until = time.monotonic() + _TRUST_SECONDS

    async def _command(self, *words: Word) -> Reply:
        return await command_async(self._redis, *words)

    @asynccontextmanager
    async def _available(self) -> AsyncIterator[None]:
        try:
            yield
        except RedisError as error:
            # Another server may answer at this address when it is back.
            self._trusted_until = 0.0
            logger.warning("Redis does not answer ingest: %s", error)
            raise IngestUnavailable(
                "the Redis server of ingest does not answer; try again in a few seconds. Searches "
                "and POST /gallery go on without it"
            ) from error


def check_at_start(settings: IngestSettings) -> list[str]:
    """Look at the Redis server once, and return what an operator should know; blocks.

    A server that does not answer is no error: ingest begins when it does.

    Raises:
        UnsafeRedis: the server may drop entries, is a replica, or too old.
    """
    client = connect(settings, settings.timeout)
    try:
        information = client.info()
    except RedisError as error:
        return [
            f"the Redis server {settings.redis} does not answer ({error}); ingest begins when it "
            "does"
        ]
    finally:
        client.close()
    reason = why_unsafe(information)
    if reason is not None:
        raise UnsafeRedis(f"refusing to ingest through {settings.redis}: {reason}")
    if keeps_on_disk(information):
        return []
    return [
        f"the Redis server {settings.redis} has appendonly off: what was accepted and not yet "
        "stored is lost when it ends; set appendonly to yes to keep it"
    ]
