"""The workers' side of the queue: take entries, acknowledge them, give them up; in threads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from service.ingest import scripts
from service.ingest.entry import Entry, from_fields
from service.ingest.errors import UnknownIngest
from service.ingest.keys import GROUP, Keys
from service.ingest.progress import now
from service.ingest.settings import IngestSettings
from service.redis_server import Client, Reply, Word, command, connect

_SILENT_MILLISECONDS = 24 * 60 * 60 * 1000
_PAGE = 16

Fields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry that a worker holds; `entry` is None, with a reason, where it cannot be read."""

    stream_id: str
    entry: Entry | None
    damage: str = ""


@dataclass(frozen=True, slots=True)
class DeadEntry:
    """An entry that was given up, without its pictures.

    Attributes:
        stream_id: its place among the dead.
        entry_id: what the client was told; empty where the entry cannot be read.
        record_ids: the records that it would have made.
        reason: of the last try.
        attempts: how often it was tried.
        failed_at: RFC 3339.
    """

    stream_id: str
    entry_id: str
    record_ids: tuple[str, ...]
    reason: str
    attempts: int
    failed_at: str


class EntryQueue:
    """The stream and its dead letters; safe to use from several threads.

    Every method raises `redis.exceptions.RedisError` when Redis is gone.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._keys = Keys(settings.name)
        self._redis: Client = connect(settings, settings.timeout)
        # A read that waits for an entry must be given up after the server has answered.
        self._block = max(1, int(min(1.0, settings.timeout / 2) * 1000))

    def open(self) -> None:
        """Make the stream and its group where they are absent; forget consumers long gone."""
        try:
            self._command("XGROUP CREATE", self._keys.stream, GROUP, "0", "MKSTREAM")
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._forget_consumers("")

    def abandoned(self, consumer: str) -> Taken | None:
        """Take over an entry whose worker has been silent for `idle` seconds, if there is one."""
        milliseconds = max(1, int(self._settings.idle * 1000))
        answer = self._command(
            *("XAUTOCLAIM", self._keys.stream, GROUP, consumer, milliseconds, "0-0"),
            *("COUNT", 1),
        )
        return _first(answer[1])

    def own(self, consumer: str) -> Taken | None:
        """Return the oldest entry that `consumer` took and has not finished, if there is one."""
        return self._read(consumer, "0", block=None)

    def fresh(self, consumer: str) -> Taken | None:
        """Take the oldest entry that nobody has; waits a moment for one."""
        return self._read(consumer, ">", block=self._block)

    def begin(self, entry: Entry) -> int:
        """Note that work on an entry begins; return how many times it was begun."""
        key = self._keys.progress(entry.id)
        return int(self._command("EVAL", scripts.BEGIN, 1, key, now()))

    def hold(self, consumer: str, stream_id: str) -> None:
        """Tell the other workers that this one is not silent."""
        self._redis.xclaim(self._keys.stream, GROUP, consumer, 0, [stream_id], justid=True)

    def stored(
        self,
        taken: Taken,
        entry: Entry,
        record_ids: Sequence[str],
        warnings: Sequence[Sequence[str]],
    ) -> None:
        """Acknowledge an entry; only for one whose records the gallery has on its disk."""
        self._command(
            *("EVAL", scripts.STORED, 2, self._keys.stream, self._keys.progress(entry.id)),
            *(GROUP, taken.stream_id, now(), self._settings.keep),
            *(json.dumps(record_ids), json.dumps(warnings)),
        )

    def give_up(self, taken: Taken, reason: str, problem: str, attempts: int) -> None:
        """Move an entry to the dead ones, with the reason and the problem its client is told."""
        progress = "" if taken.entry is None else self._keys.progress(taken.entry.id)
        self._command(
            *("EVAL", scripts.GIVE_UP, 3, self._keys.stream, self._keys.dead, progress),
            *(GROUP, taken.stream_id, now(), self._settings.keep, self._settings.dead),
            *(reason, problem, attempts),
        )

    def dead(self) -> Iterator[DeadEntry]:
        """Return the entries that were given up, oldest first."""
        start = "-"
        while page := self._command("XRANGE", self._keys.dead, start, "+", "COUNT", _PAGE):
            for stream_id, fields in page:
                yield _dead_entry(stream_id.decode(), fields)
            start = f"({page[-1][0].decode()}"

    def requeue(self, entry_id: str) -> None:
        """Move a dead entry to the end of the stream, to be tried as often as a new one.

        Raises:
            UnknownIngest: no dead entry has this id, or it cannot be read.
        """
        for each in self.dead():
            if each.entry_id != entry_id:
                continue
            [(_, fields)] = self._command("XRANGE", self._keys.dead, each.stream_id, each.stream_id)
            entry = from_fields(fields)
            keys = (self._keys.dead, self._keys.stream, self._keys.progress(entry.id))
            values = (each.stream_id, now(), entry.digest, entry.accepted_at)
            self._command("EVAL", scripts.REQUEUE, 3, *keys, *values, json.dumps(entry.record_ids))
            return
        raise UnknownIngest(entry_id)

    def leave(self, consumer: str) -> None:
        """Forget a consumer that holds nothing."""
        self._forget_consumers(consumer)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _read(self, consumer: str, after: str, block: int | None) -> Taken | None:
        waiting = () if block is None else ("BLOCK", block)
        streams = self._command(
            *("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", 1, *waiting),
            *("STREAMS", self._keys.stream, after),
        )
        return _first(streams[0][1]) if streams else None

    def _forget_consumers(self, leaving: str) -> None:
        self._command(
            *("EVAL", scripts.FORGET_CONSUMERS, 1, self._keys.stream),
            *(GROUP, _SILENT_MILLISECONDS, leaving),
        )

    def _command(self, *words: Word) -> Reply:
        return command(self._redis, *words)


def _first(entries: Sequence[tuple[bytes, Fields]]) -> Taken | None:
    if not entries:
        return None
    stream_id, fields = entries[0]
    try:
        return Taken(stream_id.decode(), from_fields(fields))
    except ValueError as error:
        return Taken(stream_id.decode(), None, f"the entry cannot be read: {error}")


def _dead_entry(stream_id: str, fields: Fields) -> DeadEntry:
    try:
        entry: Entry | None = from_fields(fields)
    except ValueError:
        entry = None
    return DeadEntry(
        stream_id,
        "" if entry is None else entry.id,
        () if entry is None else entry.record_ids,
        fields[b"reason"].decode(),
        int(fields[b"attempts"]),
        fields[b"failed_at"].decode(),
    )
