"""Bringing the new generation up to what the served one has, as often as that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime

from service.gallery.store.deletion import remove_records
from service.gallery.store.feed import note_deletions
from service.gallery.store.store import GalleryStore
from service.reindexing.differences import Differences, differences, held_of
from service.reindexing.embedding import NotReembedded, Reembedded, SightingEmbedder
from service.reindexing.sightings import (
    DamagedRow,
    Sighting,
    move_sighting,
    read_sighting,
    write_sighting,
)

# Removed in one transaction at most.
_REMOVED_AT_ONCE = 500


class Synchronisation:
    """Follows the served generation with another one; for one thread.

    Without an `embedder`, records can be moved and removed, and new ones cannot be brought.
    `on_progress` is told how many records have been brought since it was told last, and how many
    have been found that cannot be.
    """

    def __init__(
        self,
        served: GalleryStore,
        target: GalleryStore,
        embedder: SightingEmbedder | None,
        batch_size: int,
        on_progress: Callable[[int, int], None] = lambda brought, rejected: None,
    ) -> None:
        self._served = served
        self._target = target
        self._embedder = embedder
        self._batch_size = batch_size
        self._on_progress = on_progress
        self._position: int | None = None
        self._rejected: dict[int, NotReembedded] = {}
        self.embedded = 0

    @property
    def position(self) -> int:
        """The change of the served generation up to which it has been followed."""
        return 0 if self._position is None else self._position

    def pending(self) -> int:
        """How many records a `catch_up` would have to embed, relabel or remove."""
        found = self._differences()
        return len({*self._to_bring(found), *found.moved.values()}) + len(found.gone)

    def catch_up(self) -> None:
        """Bring what is missing, a transaction a batch, and remove what has gone.

        When it is interrupted, another one goes on where it ended.
        """
        found = self._differences()
        self._remove(found.gone)
        moved = self._move(found.moved.values())
        to_bring = [each for each in self._to_bring(found) if each not in moved]
        if self._embedder is None:
            for sequence in to_bring:
                self._reject(self._without_a_bundle(sequence))
        else:
            with closing(self._embedder.embed(to_bring, self._batch_size)) as batches:
                for outcomes in batches:
                    self._store(outcomes)
        # What was to be moved and could not be embedded again is there under its old labels.
        self._remove(found.moved)
        self._position = found.position

    def rejected(self) -> list[NotReembedded]:
        """The records that could not be brought, without those that were deleted since."""
        with self._served.database.reading() as connection:
            still = held_of(connection, self._rejected)
        self._rejected = {each: why for each, why in self._rejected.items() if each in still}
        return [self._rejected[each] for each in sorted(self._rejected)]

    def _differences(self) -> Differences:
        return differences(self._served, self._target, self._position)

    def _to_bring(self, found: Differences) -> list[int]:
        return [each for each in found.missing if each not in self._rejected]

    def _store(self, outcomes: Iterable[Reembedded | NotReembedded]) -> None:
        brought = rejected = 0
        with self._target.database.writing() as connection:
            for each in outcomes:
                if isinstance(each, NotReembedded):
                    rejected += 1
                    self._reject(each)
                else:
                    brought += 1
                    write_sighting(connection, each.sighting, each.features)
                    self.embedded += 1
        self._on_progress(brought, rejected)

    def _move(self, sequences: Iterable[int]) -> set[int]:
        """Give records that are there the labels they have now; return which could be."""
        numbers, moved = sorted(sequences), set[int]()
        for start in range(0, len(numbers), self._batch_size):
            batch = self._read(numbers[start : start + self._batch_size])
            with self._target.database.writing() as connection:
                done = {each.sequence for each in batch if move_sighting(connection, each)}
            self._on_progress(len(done), 0)
            moved |= done
        return moved

    def _read(self, sequences: Iterable[int]) -> list[Sighting]:
        """What the served generation stores of records, without those that cannot be read."""
        found = []
        with self._served.database.reading() as connection:
            connection.execute("BEGIN")
            for sequence in sequences:
                with suppress(DamagedRow):
                    sighting = read_sighting(connection, sequence)
                    if sighting is not None:
                        found.append(sighting)
            connection.execute("COMMIT")
        return found

    def _remove(self, sequences: Iterable[int]) -> None:
        numbers = sorted(sequences)
        for start in range(0, len(numbers), _REMOVED_AT_ONCE):
            batch = numbers[start : start + _REMOVED_AT_ONCE]
            with self._target.database.writing() as connection:
                note_deletions(connection, batch, datetime.now(UTC))
                remove_records(connection, batch)
        if numbers:
            self._target.erase_segments()
            self._target.database.erase_log()

    def _reject(self, rejected: NotReembedded) -> None:
        self._rejected[rejected.sequence] = rejected

    def _without_a_bundle(self, sequence: int) -> NotReembedded:
        record_id = f"(record {sequence})"
        with self._served.database.reading() as connection:
            row = connection.execute(
                "SELECT id FROM record WHERE sequence = ?", (sequence,)
            ).fetchone()
        return NotReembedded(
            sequence,
            record_id if row is None else str(row[0]),
            "it was stored since the swap and has to be embedded: name the old bundle with "
            "--bundle, or leave it out with --drop-missing",
        )
