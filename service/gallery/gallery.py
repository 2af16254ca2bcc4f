"""The gallery: what the service and the command line work with.

It ties the store, which is the truth, to the search index, which follows it. Changes made through
this object are searchable when the call returns; changes of other processes after `refresh`, or by
themselves within `follow_interval` seconds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import (
    FeedForgotten,
    GalleryClosed,
    GalleryError,
    InvalidSearch,
    UnknownRecord,
)
from service.gallery.feed import Change
from service.gallery.filter import Filter
from service.gallery.index import Hit, SearchIndex
from service.gallery.ranking import Query
from service.gallery.record import DamagedRecord, NewRecord, Record
from service.gallery.store import GalleryStore, Selection
from vreid.bundle import Bundle
from vreid.modality import MODALITIES, Modality
from vreid.policy import Policy, resolve_policy

MAX_RESULTS = 10_000
MAX_PAGE = 1_000

_FEED_BATCH = 1024
_SEARCH_ATTEMPTS = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Match:
    """One search result. `rank` begins at 1; `contributions` sum to `score`, a cosine."""

    rank: int
    record: Record
    score: float
    probability: float | None
    contributions: Mapping[Modality, float]


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the listing, oldest first; `next_cursor` is None on the last page."""

    records: tuple[Record, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """What there is to know about a gallery."""

    directory: Path
    records: int
    fingerprint: str
    feature_size: int
    created_at: datetime
    bytes_on_disk: int


class Gallery:
    """One gallery directory, open for a bundle; every method is safe from several threads."""

    def __init__(self, store: GalleryStore, bundle: Bundle, index: SearchIndex) -> None:
        self._store = store
        self._bundle = bundle
        self._index = index
        self._following = threading.Lock()
        self._closing = threading.Event()
        self._damaged: set[int] = set()
        self._known_floor = 0
        self._follower: threading.Thread | None = None

    @classmethod
    def open(
        cls,
        directory: Path | str,
        bundle: Bundle,
        *,
        follow_interval: float | None = 0.5,
        lock_timeout: float = 30.0,
    ) -> Gallery:
        """Open a gallery, or make it when the directory has none, and load its index.

        With a `follow_interval` (seconds), a background thread follows the changes of other
        processes; None leaves that to `refresh`. A write waits `lock_timeout` seconds for another
        process's transaction. Raises `FingerprintMismatch` when the gallery was
        made with another model, and `GalleryError` when it is locked, damaged or unwritable.
        """
        manifest = bundle.manifest
        store = GalleryStore.open(
            Path(directory),
            manifest.fingerprint,
            manifest.feature_size,
            lock_timeout=lock_timeout,
        )
        gallery = cls(store, bundle, SearchIndex(manifest.feature_size))
        try:
            gallery.refresh()
        except BaseException:
            store.close()
            raise
        if follow_interval is not None:
            gallery._follow_in_background(follow_interval)
        return gallery

    def add(self, record: NewRecord) -> Record:
        """Store a record; when this returns it survives a crash and can be found.

        Raises `DuplicateRecord` when its id is taken, `InvalidRecord` for another feature size.
        """
        return self.add_all([record])[0]

    def add_all(self, records: Sequence[NewRecord]) -> list[Record]:
        """Store records in one transaction: all of them or, when this raises, none."""
        stored = self._store.add(records)
        self._refresh_after_commit()
        return stored

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`."""
        return self._store.get(record_id)

    def thumbnail(self, record_id: str, modality: Modality) -> bytes | None:
        """The JPEG thumbnail of one modality, None when it has none. Raises `UnknownRecord`."""
        return self._store.thumbnail(record_id, modality)

    def page(
        self, cursor: str | None = None, limit: int = 100, filter: Filter | None = None
    ) -> Page:
        """The records after a cursor, in the order in which they were stored.

        Records that are added meanwhile come on later pages; none appears twice. Raises
        `InvalidSearch` for a cursor that no page gave or a limit outside 1 to MAX_PAGE.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidSearch(f"The limit {limit} is out of range; give 1 to {MAX_PAGE}.")
        sequences = self._index.sequences_after(_parse_cursor(cursor), limit + 1, filter)
        shown = sequences[:limit]
        found = self._store.by_sequence(shown)
        self._leave_out(found.damaged)
        records = found.records
        return Page(
            records=tuple(records[number] for number in shown if number in records),
            next_cursor=str(shown[-1]) if len(sequences) > limit else None,
        )

    def delete(self, record_id: str) -> None:
        """Delete a record with its features and thumbnails. Raises `UnknownRecord`."""
        if self._store.delete([record_id]) == 0:
            raise UnknownRecord(record_id)
        self._refresh_after_commit()

    def delete_selected(self, selection: Selection) -> int:
        """Delete every record that is selected, a batch at a time; return how many there were."""
        count = self._store.delete_selected(selection)
        self._refresh_after_commit()
        return count

    def count(self, filter: Filter | None = None) -> int:
        """How many records there are, or how many pass a filter."""
        return self._index.count(filter)

    def search(
        self,
        query_features: NDArray[np.floating],
        query_mask: NDArray[np.bool_],
        k: int = 20,
        policy: Policy = "auto",
        filter: Filter | None = None,
    ) -> list[Match]:
        """The `k` records most like the query, best first; equal ones in the order of storing.

        The ranking is that of `vreid.scoring` over all records that pass the filter. `concat`
        compares complete samples only, so it may return fewer. `query_features` is (3, D), rows of
        missing modalities are ignored; `query_mask` is (3,).

        Raises `InvalidSearch` for k outside 1 to MAX_RESULTS or a query of another shape, and
        `vreid.errors.ScoringError` for an unknown policy.
        """
        query = self._checked_query(query_features, query_mask)
        if not 1 <= k <= MAX_RESULTS:
            raise InvalidSearch(f"k is {k}; ask for 1 to {MAX_RESULTS} results.")
        manifest = self._bundle.manifest
        resolved = resolve_policy(policy, manifest.auto_policy)
        hits: list[Hit] = []
        records: Mapping[int, Record] = {}
        for _ in range(_SEARCH_ATTEMPTS):
            hits = self._index.search(query, k, resolved, manifest.calibration, filter)
            stored = self._store.by_sequence(hit.sequence for hit in hits)
            records = stored.records
            if len(records) == len(hits):
                break
            # Something found was deleted or damaged before it was read: search what is there now.
            self._leave_out(stored.damaged)
            self.refresh()
        found = [hit for hit in hits if hit.sequence in records]
        return [
            Match(rank, records[hit.sequence], hit.score, hit.probability, hit.contributions)
            for rank, hit in enumerate(found, 1)
        ]

    def refresh(self) -> int:
        """Follow the store up to its newest change; return how many changes were new.

        A record that cannot be read is logged, counted in `damaged` and left out. Raises
        `GalleryError` when the store cannot be read, `GalleryDamaged` when it was deleted.
        """
        self.check()
        self._store.erase_remains()
        before = self._index.sequence
        if self._store.last_sequence() == before:
            return 0
        with self._following:
            if before == 0:
                self._known_floor = self._store.feed_floor()
            while changes := self._next_changes():
                self._index.apply(changes)
                self._note_damage(changes)
        return self._index.sequence - before

    def check(self) -> None:
        """Raise `GalleryDamaged` when the gallery's file was deleted or replaced; cheap."""
        self._store.check()

    @property
    def damaged(self) -> int:
        """How many stored records cannot be read, and are therefore never found."""
        return len(self._damaged)

    def info(self) -> GalleryInfo:
        """Directory, number of records, model and size of the gallery."""
        facts = self._store.facts
        return GalleryInfo(
            directory=self._store.path.parent,
            records=self.count(),
            fingerprint=facts.fingerprint,
            feature_size=facts.feature_size,
            created_at=facts.created_at,
            bytes_on_disk=self._store.size_on_disk(),
        )

    def close(self) -> None:
        """Stop following and close the files; a second call does nothing."""
        self._closing.set()
        if self._follower is not None and self._follower is not threading.current_thread():
            self._follower.join()
        self._store.close()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _checked_query(self, features: NDArray[np.floating], mask: NDArray[np.bool_]) -> Query:
        size = self._store.facts.feature_size
        expected = (len(MODALITIES), size)
        given, present = np.asarray(features), np.asarray(mask, dtype=np.bool_)
        if given.shape != expected or present.shape != expected[:1]:
            raise InvalidSearch(
                f"The query has features of shape {given.shape} and a mask of shape "
                f"{present.shape}; "
                f"this gallery needs {expected} and {expected[:1]}. Embed it with the gallery's "
                "bundle."
            )
        if not present.any():
            raise InvalidSearch("The query's mask names no modality; give at least one image.")
        return Query(given, present)

    def _refresh_after_commit(self) -> None:
        # What is committed stays committed: an error here would make the caller do it again.
        try:
            self.refresh()
        except Exception as error:
            logger.warning("A stored change is not searchable yet; trying again: %s", error)

    def _next_changes(self) -> list[Change]:
        """The feed's next changes; what was deleted unseen is dropped first."""
        while True:
            try:
                return self._store.changes_since(
                    self._index.sequence, _FEED_BATCH, known_floor=self._known_floor
                )
            except FeedForgotten as error:
                held = {*self._index.sequences_after(0, self._index.sequence), *self._damaged}
                self._drop(self._store.missing_sequences(held))
                self._known_floor = error.floor

    def _leave_out(self, damaged: Sequence[DamagedRecord]) -> None:
        """Find no more what was damaged after it had been loaded."""
        with self._following:
            for record in damaged:
                if record.sequence not in self._damaged:
                    logger.error("A record is left out of every search: %s", record.reason)
            self._drop([record.sequence for record in damaged])
            self._damaged |= {record.sequence for record in damaged}

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

    def _follow_in_background(self, interval: float) -> None:
        self._follower = threading.Thread(
            target=self._follow, args=(interval,), name="gallery-follower", daemon=True
        )
        self._follower.start()

    def _follow(self, interval: float) -> None:
        last_problem = ""
        while not self._closing.wait(interval):
            try:
                self.refresh()
            except GalleryClosed:
                return
            except GalleryError as error:
                # Once, not twice a second for as long as it lasts.
                if str(error) != last_problem:
                    logger.warning("Changes of the gallery cannot be followed: %s", error)
                last_problem = str(error)
            except Exception as error:
                # An error in the program must not end the following: the next change may succeed.
                if repr(error) != last_problem:
                    logger.exception("Changes of the gallery cannot be followed")
                last_problem = repr(error)
            else:
                last_problem = ""


def _parse_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidSearch(
            f"The cursor {cursor[:40]!r} was not given by a page; leave it out to begin at the "
            "start."
        )
    return int(cursor)
