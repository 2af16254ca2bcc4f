"""How the index follows the store: the feed of changes, deletions it forgot, damaged records."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence

from service.errors import FeedForgotten
from service.gallery.index.index import SearchIndex
from service.gallery.record import DamagedRecord
from service.gallery.store.feed import Change
from service.gallery.store.generations import Successor
from service.gallery.store.store import GalleryStore

_FEED_BATCH = 1024

logger = logging.getLogger(__name__)


class Follower:
    """Brings an index up to date with a store; safe from several threads."""

    def __init__(self, store: GalleryStore, index: SearchIndex) -> None:
        self._store = store
        self._index = index
        self._following = threading.Lock()
        self._damaged: set[int] = set()
        self._known_floor = 0
        self._successor: Successor | None = None

    @property
    def successor(self) -> Successor | None:
        """What is served instead of the generation that is followed; None as far as is known."""
        return self._successor

    @property
    def damaged(self) -> int:
        """How many stored records cannot be read, and are therefore never found."""
        return len(self._damaged)

    def begin_at(self, floor: int, damaged: Iterable[DamagedRecord]) -> None:
        """Say what is known of an index that was loaded.

        `floor` is the feed's floor of when it was compared with the store, `damaged` are the
        records that could not be read; a segment may hold them, as they were.
        """
        self._known_floor = floor
        self.leave_out(tuple(damaged))

    def follow(self) -> int:
        """Follow the store up to its newest change; return how many changes were new.

        A record that cannot be read is logged, counted in `damaged` and left out. Raises
        `GalleryError` when the store cannot be read.
        """
        newest = self._store.last_sequence()
        self._note_retirement()
        if newest == self._index.sequence:
            return 0
        with self._following:
            before = self._index.sequence
            if before == 0:
                self._known_floor = self._store.feed_floor()
            while changes := self._next_changes():
                self._index.apply(changes)
                self._note_damage(changes)
            return self._index.sequence - before

    def leave_out(self, damaged: Sequence[DamagedRecord]) -> None:
        """Find no more what was damaged after it had been loaded."""
        if not damaged:
            return
        with self._following:
            for record in damaged:
                if record.sequence not in self._damaged:
                    logger.error("A record is left out of every search: %s", record.reason)
            self._drop([record.sequence for record in damaged])
            self._damaged |= {record.sequence for record in damaged}

    def _note_retirement(self) -> None:
        if self._successor is not None or (after := self._store.successor()) is None:
            return
        with self._following:
            known, self._successor = self._successor, after
        if known is None:
            logger.warning(
                "The gallery has been embedded again with the bundle %s: searches go on in what "
                "was there, changes are refused. Restart this process with that bundle.",
                after.fingerprint,
            )

    def _next_changes(self) -> list[Change]:
        """The feed's next changes; what was deleted unseen is dropped first."""
        while True:
            try:
                return self._store.changes_since(
                    self._index.sequence, _FEED_BATCH, known_floor=self._known_floor
                )
            except FeedForgotten as error:
                for held in self._index.live_sequences():
                    self._drop(self._store.missing_sequences(held.tolist()))
                self._drop(self._store.missing_sequences(self._damaged))
                self._known_floor = error.floor

    def _drop(self, sequences: Sequence[int]) -> None:
        """Take records out of the index at its present position in the feed."""
        position = self._index.sequence
        self._index.apply([Change(position, "delete", each, None) for each in sequences])
        self._damaged -= set(sequences)

    def _note_damage(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.damage is not None:
                logger.error("A record is left out of every search: %s", change.damage)
                self._damaged.add(change.record_sequence)
            elif change.kind == "delete":
                self._damaged.discard(change.record_sequence)
