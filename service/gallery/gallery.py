"""The gallery: what the service and the command line work with.

It ties the store, which is the truth, to the search index, which follows it. Changes made through
this object are searchable when the call returns; changes of other processes after `refresh`, or by
themselves within `follow_interval` seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryClosed, UnknownRecord
from service.gallery.files.loading import load
from service.gallery.files.mending import Mending
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.filters.filter import Filter
from service.gallery.following import Follower
from service.gallery.index.filling import fill
from service.gallery.index.index import SearchIndex
from service.gallery.index.sampled_recall import sampled_share
from service.gallery.index.searching import Hit
from service.gallery.query import (
    Position,
    check_page_size,
    check_stretch,
    checked_query,
    unknown_cursor,
)
from service.gallery.record import Labels, NewRecord, Record
from service.gallery.results import GalleryInfo, Match, Page
from service.gallery.store.generations import gallery_of
from service.gallery.store.matching import delete_matches, stored_matches
from service.gallery.store.store import GalleryStore, Selection
from service.threads.repeating_thread import RepeatingThread
from vreid.bundle import Bundle
from vreid.modality import Modality
from vreid.policy import Policy, resolve_policy

__all__ = ["Gallery", "GalleryInfo", "Match", "Page"]

_SEARCH_ATTEMPTS = 5

# Seconds between looks whether there is something to seal or to merge.
_SEALING_INTERVAL = 0.25
# With what is read in a step, ten gigabytes of features take a quarter of an hour.
_VERIFYING_INTERVAL = 1.0

logger = logging.getLogger(__name__)


class Gallery:
    """One gallery directory, open for a bundle; every method is safe from several threads."""

    def __init__(self, store: GalleryStore, bundle: Bundle, index: SearchIndex) -> None:
        self._store = store
        self._bundle = bundle
        self._index = index
        self._follower = Follower(store, index)
        self._threads: list[RepeatingThread] = []

    @classmethod
    def open(
        cls,
        directory: Path | str,
        bundle: Bundle,
        *,
        follow_interval: float | None = 0.5,
        lock_timeout: float = 30.0,
        generation: str | None = None,
    ) -> Gallery:
        """Open a gallery, or make it when the directory has none, and load its index.

        With a `follow_interval` (seconds), a background thread follows the changes of other
        processes; None leaves that to `refresh`. A write waits `lock_timeout` seconds for another
        process's transaction. With a `generation`, that one is opened, whether it is the one that
        is served or not. Raises `FingerprintMismatch` when the gallery was
        made with another model, and `GalleryError` when it is locked, damaged or unwritable.
        """
        manifest = bundle.manifest
        store = GalleryStore.open(
            Path(directory),
            manifest.fingerprint,
            manifest.feature_size,
            lock_timeout=lock_timeout,
            generation=generation,
        )
        index = None
        try:
            folder = SegmentFolder(store)
            index = SearchIndex(manifest.feature_size, folder=folder)
            gallery = cls(store, bundle, index)
            loaded = load(store, folder)
            fill(index, store, loaded)
            gallery._follower.begin_at(loaded.feed_floor, loaded.damaged)
            gallery.refresh()
        except BaseException:
            if index is not None:
                index.close()
            store.close()
            raise
        gallery.seal_in_background(_SEALING_INTERVAL)
        gallery.verify_in_background(_VERIFYING_INTERVAL)
        if follow_interval is not None:
            gallery.follow_in_background(follow_interval)
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
        self._relieve()
        return stored

    def relabel(self, record_id: str, labels: Labels, content_hash: str | None) -> None:
        """Replace what is told about a record; it keeps its id and moves to the end of the order.

        Raises `UnknownRecord`.
        """
        self._store.relabel(record_id, labels, content_hash)
        self._refresh_after_commit()

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
        check_page_size(limit)
        sequences = self._index.sequences_after(_parse_cursor(cursor), limit + 1, filter)
        shown = sequences[:limit]
        found = self._store.by_sequence(shown)
        self._follower.leave_out(found.damaged)
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

    def delete_matching(self, filter: Filter, expected: int | None = None) -> int:
        """Delete every record that passes a filter, a batch at a time; return how many there were.

        Records that are stored meanwhile stay. Quarantined records are deleted too where they pass.
        Raises `UnexpectedCount` where `expected` is not their number as the first are deleted, and
        `DeletionInterrupted` where some are deleted and the others cannot be now.
        """
        filter.refuse_query()
        count = delete_matches(self._store, filter, expected)
        self._refresh_after_commit()
        return count

    def count_matching(self, filter: Filter) -> int:
        """How many records `delete_matching` would delete, quarantined ones too."""
        filter.refuse_query()
        return sum(map(len, stored_matches(self._store, filter)))

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
        *,
        after: Position | None = None,
        as_of: int | None = None,
    ) -> list[Match]:
        """The `k` records most like the query, best first; equal ones in the order of storing.

        Scores are those of `vreid.scoring`, and so is the ranking over all records that pass the
        filter; of many records, one may be missed where codes stand for its features. `concat`
        compares complete samples only, so it may return fewer. `query_features` is (3, D), rows of
        missing modalities are ignored; `query_mask` is (3,).

        With `after`, only results behind that position of the ranking come; with `as_of`, only
        records with a sequence number up to it. So pages of one ranking repeat no record and come
        in its order, whatever is added or deleted meanwhile. Where codes stand for features, a
        record that one page misses is not on a later one, and a record that is relabelled meanwhile
        is on none: its new sequence number is above `as_of`.

        Raises `InvalidSearch` for k outside 1 to MAX_RESULTS, a position deeper than that, or a
        query of another shape, and `vreid.errors.ScoringError` for an unknown policy.
        """
        query = checked_query(query_features, query_mask, self._store.facts.feature_size)
        check_stretch(k, after)
        manifest = self._bundle.manifest
        resolved = resolve_policy(policy, manifest.auto_policy)
        hits: list[Hit] = []
        records: Mapping[int, Record] = {}
        for _ in range(_SEARCH_ATTEMPTS):
            hits = self._index.search(
                query, k, resolved, manifest.calibration, filter, after=after, as_of=as_of
            )
            stored = self._store.by_sequence(hit.sequence for hit in hits)
            records = stored.records
            if len(records) == len(hits):
                break
            # Something found was deleted or damaged before it was read: search what is there now.
            self._follower.leave_out(stored.damaged)
            self.refresh()
        found = [hit for hit in hits if hit.sequence in records]
        return [
            Match(
                rank=rank,
                record=records[hit.sequence],
                key=hit.key,
                score=hit.score,
                probability=hit.probability,
                contributions=hit.contributions,
            )
            for rank, hit in enumerate(found, 1)
        ]

    def sampled_recall(self, generator: np.random.Generator, results: int) -> float | None:
        """Share of the best `results` that searches find of a record taken by chance.

        None where all is exact, NaN where it is compared with nothing; see
        `service.gallery.index.sampled_recall`. Raises `GalleryClosed` after `close`.
        """
        self._index.check()
        manifest = self._bundle.manifest
        policy = resolve_policy("auto", manifest.auto_policy)
        return sampled_share(self._index, policy, manifest.calibration, generator, results)

    def refresh(self) -> int:
        """Follow the store up to its newest change; return how many changes were new.

        A record that cannot be read is logged, counted in `damaged` and left out. Raises
        `GalleryError` when the store cannot be read, `GalleryDamaged` when it was deleted.
        """
        self.check()
        self._store.erase_remains()
        return self._follower.follow()

    def follow_in_background(self, interval: float) -> None:
        """Follow the changes of other processes every `interval` seconds."""
        self._threads.append(
            RepeatingThread(
                "gallery-follower",
                self._follow,
                interval,
                "Changes of the gallery cannot be followed",
                ends_with=GalleryClosed,
            )
        )

    def seal_in_background(self, interval: float) -> None:
        """Look every `interval` seconds for something to seal or to merge."""
        self._threads.append(
            RepeatingThread(
                "gallery-sealer",
                self._index.step,
                interval,
                "Records stay in memory instead of the index's files",
                ends_with=GalleryClosed,
            )
        )

    def verify_in_background(self, interval: float) -> None:
        """Compare some features with their checksums every `interval` seconds."""
        mending = Mending(self._store, self._index, self._follower)

        def verify() -> bool:
            mending.step()
            # A disk that damages whatever is written must not be written to without a pause.
            return False

        self._threads.append(
            RepeatingThread(
                "gallery-verifier",
                verify,
                interval,
                "The features in the index's files cannot be verified",
                ends_with=GalleryClosed,
            )
        )

    @property
    def sequence(self) -> int:
        """The number of the newest change that searches see."""
        return self._index.sequence

    def check(self) -> None:
        """Raise `GalleryDamaged` when the gallery's file was deleted or replaced; cheap."""
        self._store.check()

    @property
    def damaged(self) -> int:
        """How many stored records cannot be read, and are therefore never found."""
        return self._follower.damaged

    @property
    def remark(self) -> str | None:
        """What an operator should know of a gallery that is searched, None for nothing."""
        after = self._follower.successor
        if after is None:
            return None
        return (
            f"embedded again with the bundle {after.fingerprint}; changes are refused, restart "
            "this process with that bundle"
        )

    def info(self) -> GalleryInfo:
        """Directory, number of records, model and size of the gallery."""
        facts = self._store.facts
        return GalleryInfo(
            directory=gallery_of(self._store.path),
            records=self.count(),
            fingerprint=facts.fingerprint,
            feature_size=facts.feature_size,
            created_at=facts.created_at,
            bytes_on_disk=self._store.size_on_disk(),
            index=self._index.facts(),
        )

    def close(self) -> None:
        """Stop following and sealing and close the files; a second call does nothing."""
        self._index.close()
        for thread in self._threads:
            thread.close()
        self._store.close()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refresh_after_commit(self) -> None:
        # What is committed stays committed: an error here would make the caller do it again.
        try:
            self.refresh()
        except Exception as error:
            logger.warning("A stored change is not searchable yet; trying again: %s", error)

    def _relieve(self) -> None:
        """Seal what waits, when so much does that memory would grow without end."""
        # What is stored stays stored: an error here would make the caller store it again.
        try:
            self._index.relieve()
        except Exception as error:
            logger.warning("Records stay in memory, sealing is tried again: %s", error)

    def _follow(self) -> bool:
        self.refresh()
        self._relieve()
        return False


def _parse_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise unknown_cursor(cursor)
    return int(cursor)
