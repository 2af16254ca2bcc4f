"""The source of truth of a gallery: records, thumbnails and the feed of changes, in SQLite.

A record is durable when `add` returns. Nothing else has to agree with this file: the search index
and its files are derived from it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from service.errors import (
    DeletionInterrupted,
    GalleryClosed,
    GalleryError,
    GalleryLocked,
    UnknownRecord,
)
from service.gallery.address import directory_of
from service.gallery.record import Labels, NewRecord, Record
from service.gallery.store import deletion, enrolment, feed, generations, schema
from service.gallery.store.blocks import RecordBlock, store_block
from service.gallery.store.database import DATABASE_NAME, Database
from service.gallery.store.deletion import Selection
from service.gallery.store.expected_deletion import delete_first
from service.gallery.store.feed import Change
from service.gallery.store.generations import Successor
from service.gallery.store.group_commit import GroupCommit
from service.gallery.store.only_there import numbers_only_there
from service.gallery.store.record_reading import FoundRecords, RecordReading
from service.gallery.store.remains import Remains
from service.gallery.store.schema import GalleryFacts
from vreid.errors import FingerprintMismatch

__all__ = ["Change", "FoundRecords", "GalleryStore", "Selection"]

# Records deleted in one transaction: other writers wait for no more than that.
_DELETED_AT_ONCE = 500

Deleted = TypeVar("Deleted")

logger = logging.getLogger(__name__)


class GalleryStore(RecordReading):
    """Records of one gallery directory; safe for several threads and several processes.

    Writes of several threads share a transaction; each returns when its own part is durable.
    """

    def __init__(self, database: Database, facts: GalleryFacts) -> None:
        super().__init__(database, facts)
        self._writes = GroupCommit(database)
        self._remains = Remains(database)
        # The directory with all generations, of the store of the one that is served.
        self._gallery: Path | None = None
        self._term: str | None = None

    @classmethod
    def open(
        cls,
        directory: Path,
        fingerprint: str,
        feature_size: int,
        *,
        lock_timeout: float = 30.0,
        generation: str | None = None,
    ) -> GalleryStore:
        """Open the gallery of a model, or make it when the directory has none.

        A gallery of an older vreid is migrated, after a copy of it was made beside it. With a
        `generation`, that one is opened or made, whether it is served or not. Raises
        `FingerprintMismatch` when the gallery was made with another model,
        `GalleryDamaged`, `GalleryLocked`, `GalleryUnwritable` or `GalleryUnsupported`.
        """
        directory = directory_of(directory, "what you asked for")
        wanted = GalleryFacts(fingerprint, feature_size, datetime.now(UTC))
        store = cls._opened(directory, generation, wanted, lock_timeout)
        facts = store.facts
        if (facts.fingerprint, facts.feature_size) != (fingerprint, feature_size):
            is_previous = generation is None and store._was_before(directory, fingerprint)
            store.close()
            raise FingerprintMismatch(
                _mismatch(directory, facts.fingerprint, fingerprint, is_previous=is_previous)
            )
        return store

    @classmethod
    def open_existing(cls, directory: Path, *, generation: str | None = None) -> GalleryStore:
        """Open a gallery that exists, whatever model it was made with.

        Raises `GalleryNotFound` and what `open` raises, except for the mismatch.
        """
        return cls._opened(directory_of(directory, "what you asked for"), generation, None)

    @classmethod
    def _opened(
        cls,
        directory: Path,
        generation: str | None,
        wanted: GalleryFacts | None,
        lock_timeout: float = 30.0,
        *,
        copies: bool = True,
    ) -> GalleryStore:
        """Open a generation, by default the one that is served; `wanted` makes what is not there.

        One of an older vreid is migrated, with `copies` after a copy of it was made. What is served
        refuses changes once another generation is served instead.
        """
        name = generations.served_generation(directory) if generation is None else generation
        makes = wanted is not None and (generation is not None or name == generations.FIRST)
        database = Database(
            directory / name / DATABASE_NAME, create=makes, busy_timeout=lock_timeout
        )
        try:
            store = cls(database, schema.prepare(database, wanted, copies=copies))
            if generation is not None:
                return store
            with database.reading() as connection:
                term = generations.term(connection)
                is_served = generations.successor(connection) is None
        except BaseException:
            database.close()
            raise
        if is_served:
            database.before_write = partial(generations.refuse_if_retired, opened_in=term)
            store._gallery, store._term = directory, term
            return store
        store.close()
        generations.settle(directory)
        return cls._opened(directory, None, wanted, lock_timeout)

    def _was_before(self, directory: Path, fingerprint: str) -> bool:
        """Whether the generation that a rollback would serve is that of another bundle."""
        try:
            with self._database.reading() as connection:
                name = generations.previous_generation(connection)
            if name is None:
                return False
            path = directory / name / DATABASE_NAME
            with closing(Database(path, create=False)) as database, database.reading() as before:
                return schema.read_facts(before, path).fingerprint == fingerprint
        except GalleryError:
            # It only makes the message better.
            return False

    def add(
        self, records: Sequence[NewRecord], *, skip_known_content: bool = False
    ) -> list[Record]:
        """Store records, all of them or none, and return them; they are on the disk by then.

        With `skip_known_content`, a record whose content hash is stored already is left out of both
        the gallery and the answer. Raises `DuplicateRecord` with every id that is taken, and
        `InvalidRecord` when the feature size is another; in both cases nothing is stored.
        """
        enrolment.check_sizes(records, self.facts.feature_size)
        now = datetime.now(UTC)
        return self._writes.run(
            lambda connection: enrolment.store_records(
                connection, records, now, skip_known_content=skip_known_content
            )
        )

    def add_block(self, block: RecordBlock, new_content: Collection[str] = ()) -> None:
        """Store records that are checked already, all of them or none; faster than `add`.

        They are on the disk when this returns. Raises `DuplicateRecord` with every id that is
        taken or repeated, or else with those of records whose content hash is in `new_content`
        and is stored already; and `InvalidRecord` when the feature size is another.
        """
        enrolment.check_feature_size(block.features.shape[2], self.facts.feature_size)
        now = datetime.now(UTC)
        self._writes.run(lambda connection: store_block(connection, block, now, new_content))

    def relabel(self, record_id: str, labels: Labels, content_hash: str | None) -> None:
        """Replace what is told about a record; it keeps its id and moves to the end of the order.

        Raises `UnknownRecord`.
        """
        now = datetime.now(UTC)
        if not self._writes.run(
            lambda connection: enrolment.relabel_record(
                connection, record_id, labels, content_hash, now
            )
        ):
            raise UnknownRecord(record_id)
        # Many records are relabelled in a row: what they were leaves the files together.
        self._remains.note()

    def delete(self, ids: Iterable[str]) -> int:
        """Delete records with their features and thumbnails; return how many there were.

        Many are deleted in several transactions. Their bytes are gone from the files too when this
        returns, unless a reader kept the log in use; then that happens at the next `erase_remains`,
        or when the last process closes.
        """
        wanted, done, deleted = list(ids), list[str](), 0
        try:
            for part in _parts(wanted):
                deleted += len(self._delete_named(part))
                done += part
        finally:
            # Once for all parts, also for those before one that failed.
            if done:
                self._remains.erase()
                self._delete_elsewhere(lambda store: store.delete(done))
        return deleted

    def delete_selected(self, selection: Selection) -> int:
        """Delete every record that is selected, one transaction a batch; return how many.

        Of the generations that are not served, the condition is asked only about records that the
        served one does not have: elsewhere labels may be older.
        """
        deleted: list[str] = []
        try:
            while ids := self._writes.run(
                lambda connection: deletion.delete_selected(
                    connection, selection, _DELETED_AT_ONCE, datetime.now(UTC)
                )
            ):
                deleted += ids
        finally:
            self._follow_up(deleted)
        self._delete_elsewhere(
            lambda store: self._delete_only_there(
                store, deletion.selected_numbers(store.database, selection, _DELETED_AT_ONCE)
            )
        )
        return len(deleted)

    def delete_numbered(
        self,
        find: Callable[[GalleryStore], Iterable[Sequence[int]]],
        expected: int | None = None,
    ) -> int:
        """Delete records, quarantined ones too, by sequence number; return how many there were.

        `find` tells the numbers in a generation. Each batch is taken when the one before is
        deleted, and is as many transactions as it needs. Of a generation that is not served, where
        numbers and labels may be others, only what the served one does not have is deleted.

        With `expected` all batches are taken first; raises `UnexpectedCount`, and deletes none,
        where they are another number of records as the first are deleted. One that is relabelled
        afterwards, and before its turn, stays. Raises `DeletionInterrupted` where some are deleted
        and the others cannot be now.
        """
        deleted: list[str] = []
        try:
            if expected is None:
                batches = find(self)
            else:
                deleted, others = delete_first(
                    self._database, lambda: find(self), expected, _DELETED_AT_ONCE
                )
                batches = [others]
            for batch in batches:
                for part in _parts(batch):
                    deleted += self._delete_some(part)
        except (GalleryLocked, GalleryClosed) as error:
            # Of these alone a caller takes for granted that nothing was done.
            if deleted:
                raise DeletionInterrupted(len(deleted), error) from error
            raise
        finally:
            self._follow_up(deleted)
        self._delete_elsewhere(lambda store: self._delete_only_there(store, find(store)))
        return len(deleted)

    def erase_remains(self) -> None:
        """Try again to clear the files of what was deleted; does nothing when they are clear."""
        self._remains.try_again()

    def erase_segments(self) -> None:
        """Erase what was deleted, by any process, from the files of the index, durably.

        An error is logged: the deletion itself is done, and `erase_remains` tries again.
        """
        self._remains.erase_segments()

    def scrub(self) -> None:
        """Write the file anew, without the unused parts of pages; takes as long as copying it.

        SQLite zeroes what is deleted, but when it splits or joins pages a copy of a short value
        may stay in an unused part of one.
        """
        self._database.rebuild()
        self._remains.erase()

    def last_sequence(self) -> int:
        """The number of the newest change, 0 when nothing ever changed; cheap enough to poll.

        Raises `GalleryRetired` when another generation was served for a time since this was opened.
        """
        with self._database.reading() as connection:
            if self._term is not None:
                generations.refuse_another_term(connection, self._term)
            return feed.last_sequence(connection)

    def successor(self) -> Successor | None:
        """What is served instead of this generation, since it was opened; None when it is served.

        A generation that was opened by its name, served or not, has none.
        """
        if self._gallery is None:
            return None
        with self._database.reading() as connection:
            return generations.successor(connection)

    def close(self) -> None:
        """Close the files; afterwards every call raises `GalleryClosed`."""
        self.erase_remains()
        self._database.close()

    def _delete_named(self, ids: Sequence[str]) -> list[str]:
        now = datetime.now(UTC)
        return self._writes.run(lambda connection: deletion.delete_by_id(connection, ids, now))

    def _delete_some(self, sequences: Sequence[int]) -> list[str]:
        now = datetime.now(UTC)
        return self._writes.run(
            lambda connection: deletion.delete_by_number(connection, sequences, now)
        )

    def _follow_up(self, deleted: Sequence[str]) -> None:
        """Erase what was deleted, once for all batches, and delete it elsewhere by its ids."""
        if deleted:
            self._remains.erase()
            self._delete_elsewhere(lambda store: store.delete(deleted))

    def _delete_only_there(self, other: GalleryStore, batches: Iterable[Sequence[int]]) -> None:
        """Delete those of the numbered records of a generation that the served one lacks."""
        deleted: list[str] = []
        try:
            for batch in batches:
                for part in _parts(batch):
                    numbers, ids = numbers_only_there(self._database, other.database, part)
                    if numbers:
                        other._delete_some(numbers)
                        deleted += ids
        finally:
            if deleted:
                other._remains.erase()
                for named in _parts(deleted):
                    self._forget_left_out(named)

    def _forget_left_out(self, ids: Sequence[str]) -> None:
        self._writes.run(lambda connection: deletion.forget_left_out(connection, ids))

    def _delete_elsewhere(self, delete: Callable[[GalleryStore], object]) -> None:
        """Delete from the generations that are not served too: the one before, one in the making.

        One of an older vreid is migrated without a copy, which would hold what is deleted. An error
        there is logged: the deletion itself is done.
        """
        if self._gallery is None:
            return
        for name in generations.generations(self._gallery):
            if (self._gallery / name / DATABASE_NAME) == self.path:
                continue
            try:
                with closing(self._opened(self._gallery, name, None, copies=False)) as store:
                    delete(store)
            except GalleryError as error:
                logger.warning(
                    "What was deleted may still lie in the generation %s of %s, which "
                    "`vreid reindex --discard` removes: %s",
                    *(name, self._gallery, error),
                )


def _parts(of: Sequence[Deleted]) -> Iterator[Sequence[Deleted]]:
    """As many at a time as one transaction deletes."""
    for first in range(0, len(of), _DELETED_AT_ONCE):
        yield of[first : first + _DELETED_AT_ONCE]


def _mismatch(directory: Path, served: str, given: str, *, is_previous: bool) -> str:
    """Why a gallery cannot be opened with a bundle, and what to do; both are fingerprints."""
    if is_previous:
        return (
            f"The gallery {directory} was embedded again and serves the model {served}; the bundle "
            f"is {given}, which was served before. Use the bundle of the model that is served, or "
            f"go back to this one: vreid reindex --rollback --gallery {directory}"
        )
    return (
        f"The gallery {directory} was made with the model {served}, and the bundle is {given}; "
        "features of two models cannot be compared. Use the bundle that the gallery was made with, "
        "or embed the gallery again with the new one, while the old one serves on: "
        f"vreid reindex --bundle NEW_BUNDLE --gallery {directory}"
    )
