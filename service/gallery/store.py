"""The source of truth of a gallery: records, thumbnails and the feed of changes, in SQLite.

A record is durable when `add` returns. Nothing else has to agree with this file: the search index
and its files are derived from it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from service.errors import FeedForgotten, GalleryDamaged, GalleryError, UnknownRecord
from service.gallery import deletion, enrolment, feed, generations, pictures, schema
from service.gallery.address import directory_of
from service.gallery.blocks import RecordBlock, compare_block, store_block
from service.gallery.database import DATABASE_NAME, Database
from service.gallery.deletion import Selection
from service.gallery.feed import Change
from service.gallery.group_commit import GroupCommit
from service.gallery.record import DamagedRecord, Labels, NewRecord, Record
from service.gallery.remains import Remains
from service.gallery.rows import RECORD_COLUMNS, decode_record
from service.gallery.schema import GalleryFacts
from vreid.errors import FingerprintMismatch
from vreid.modality import Modality

__all__ = ["Change", "FoundRecords", "GalleryStore", "Selection"]

_SELECT_RECORD = f"SELECT {', '.join(f'r.{name}' for name in RECORD_COLUMNS)} FROM record AS r"

# Records deleted in one transaction: other writers wait for no more than that.
_DELETED_AT_ONCE = 500
_READ_AT_ONCE = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """Records by sequence number, and those that are there but cannot be read."""

    records: Mapping[int, Record]
    damaged: tuple[DamagedRecord, ...]


class GalleryStore:
    """Records of one gallery directory; safe for several threads and several processes.

    Writes of several threads share a transaction; each returns when its own part is durable.
    """

    def __init__(self, database: Database, facts: GalleryFacts) -> None:
        self._database = database
        self._writes = GroupCommit(database)
        self._remains = Remains(database)
        # The directory with all generations, of the store of the one that is served.
        self._gallery: Path | None = None
        self._term: str | None = None
        self.facts = facts

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
            store.close()
            raise FingerprintMismatch(
                f"The gallery {directory} was made with the model {facts.fingerprint}, and "
                f"the bundle is {fingerprint}; features of two models cannot be compared. Use "
                "the old bundle, or embed the gallery again with the new one, while the old one "
                f"serves on: vreid reindex --bundle NEW_BUNDLE --gallery {directory}"
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
    ) -> GalleryStore:
        """Open a generation, by default the one that is served; `wanted` makes what is not there.

        What is served refuses changes once another generation is served instead.
        """
        name = generations.served_generation(directory) if generation is None else generation
        makes = wanted is not None and (generation is not None or name == generations.FIRST)
        database = Database(
            directory / name / DATABASE_NAME, create=makes, busy_timeout=lock_timeout
        )
        try:
            store = cls(database, schema.prepare(database, wanted))
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

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    @property
    def gallery_id(self) -> str:
        """What tells this gallery from every other one, and from itself before a restore."""
        with self._database.reading() as connection:
            return schema.read_gallery_id(connection, self.path)

    @property
    def database(self) -> Database:
        """Connections to the file, for the gallery's own maintenance."""
        return self._database

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

    def add_block(self, block: RecordBlock) -> None:
        """Store records that are checked already, all of them or none; faster than `add`.

        They are on the disk when this returns. Raises `DuplicateRecord` with every id that is
        taken or repeated, and `InvalidRecord` when the feature size is another.
        """
        enrolment.check_feature_size(block.features.shape[2], self.facts.feature_size)
        now = datetime.now(UTC)
        self._writes.run(lambda connection: store_block(connection, block, now))

    def compare_block(self, block: RecordBlock) -> tuple[list[int], list[int]]:
        """Rows whose id is stored: those that are the same record, and those that are others."""
        with self._database.reading() as connection:
            return compare_block(connection, block)

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

        Their bytes are gone from the files too when this returns, unless a reader kept the log in
        use; then that happens at the next `erase_remains`, or when the last process closes.
        """
        wanted, now = list(ids), datetime.now(UTC)
        deleted = self._writes.run(
            lambda connection: deletion.delete_by_id(connection, wanted, now)
        )
        self._remains.erase()
        self._delete_elsewhere(lambda store: store.delete(wanted))
        return len(deleted)

    def delete_selected(self, selection: Selection) -> int:
        """Delete every record that is selected, one transaction a batch; return how many."""
        deleted: list[str] = []
        try:
            while ids := self._writes.run(
                lambda connection: deletion.delete_selected(
                    connection, selection, _DELETED_AT_ONCE, datetime.now(UTC)
                )
            ):
                deleted += ids
        finally:
            # Once for all batches, also for those before one that failed.
            if deleted:
                self._remains.erase()
                # There they may have other labels, so they are named.
                self._delete_elsewhere(lambda store: store.delete(deleted))
        self._delete_elsewhere(lambda store: store.delete_selected(selection))
        return len(deleted)

    def delete_numbered(
        self, batches: Iterable[Sequence[int]], elsewhere: Callable[[GalleryStore], int]
    ) -> int:
        """Delete records, quarantined ones too, by sequence number; return how many there were.

        Each batch is taken when the one before is deleted, and is as many transactions as it needs.
        `elsewhere` does the same to a generation that is not served, where numbers are others.
        """
        deleted: list[str] = []
        try:
            for batch in batches:
                for first in range(0, len(batch), _DELETED_AT_ONCE):
                    deleted += self._delete_some(batch[first : first + _DELETED_AT_ONCE])
        finally:
            # Once for all batches, also for those before one that failed.
            if deleted:
                self._remains.erase()
                self._delete_elsewhere(lambda store: store.delete(deleted))
        self._delete_elsewhere(elsewhere)
        return len(deleted)

    def count_selected(self, selection: Selection) -> int:
        """How many records `delete_selected` would delete."""
        with self._database.reading() as connection:
            return deletion.count_selected(connection, selection)

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

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`, and `GalleryDamaged` if unreadable."""
        with self._database.reading() as connection:
            row = connection.execute(f"{_SELECT_RECORD} WHERE r.id = ?", (record_id,)).fetchone()
        if row is None:
            raise UnknownRecord(record_id)
        return self._decode(row)

    def by_sequence(self, sequences: Iterable[int]) -> FoundRecords:
        """Records by their sequence number; those that do not exist are left out."""
        wanted = json.dumps(list(sequences))
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT_RECORD} WHERE r.sequence IN (SELECT value FROM json_each(?))", (wanted,)
            ).fetchall()
        read = [self._read(row) for row in rows]
        return FoundRecords(
            {each.sequence: each for each in read if isinstance(each, Record)},
            tuple(each for each in read if isinstance(each, DamagedRecord)),
        )

    def thumbnail(self, record_id: str, modality: Modality) -> bytes | None:
        """The JPEG thumbnail of one modality, None when it has none. Raises `UnknownRecord`."""
        with self._database.reading() as connection:
            found = pictures.read_picture(connection, record_id, modality)
        if found is None:
            raise UnknownRecord(record_id)
        return found[0]

    def known_content(self, hashes: Iterable[str]) -> set[str]:
        """Those of the content hashes that some record carries."""
        with self._database.reading() as connection:
            return enrolment.known_content(connection, hashes)

    def ids_with_images(self, images_hash: str) -> list[str]:
        """Ids of the records that were made of these images, whatever their labels."""
        with self._database.reading() as connection:
            return enrolment.ids_with_images(connection, images_hash)

    def count(self) -> int:
        """How many records there are."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])

    def last_sequence(self) -> int:
        """The number of the newest change, 0 when nothing ever changed; cheap enough to poll.

        Raises `GalleryRetired` when another generation was served for a time since this was opened.
        """
        with self._database.reading() as connection:
            if self._term is not None:
                generations.refuse_another_term(connection, self._term)
            return feed.last_sequence(connection)

    def feed_floor(self) -> int:
        """Up to which number the feed has forgotten deletions."""
        with self._database.reading() as connection:
            return feed.feed_floor(connection)

    def changes_since(
        self, sequence: int, limit: int = 1024, *, known_floor: int = 0
    ) -> list[Change]:
        """The next changes after a sequence number, oldest first, at most `limit`.

        A record that was added and deleted since comes as its deletion alone. A damaged record
        does not raise: it would hide every change after it.

        `known_floor` is the `feed_floor` of when the reader held nothing, or of when it last
        compared. Raises `FeedForgotten` when deletions that the reader has not seen may be gone
        from the feed: it then drops `missing_sequences` and goes on from where it was, with the
        error's `floor` as `known_floor`.
        """
        with self._database.reading() as connection:
            connection.execute("BEGIN")
            floor = feed.feed_floor(connection)
            if 0 < sequence < floor and known_floor < floor:
                raise FeedForgotten(floor)
            records, deletions = feed.rows_after(connection, sequence, limit)
            connection.execute("COMMIT")
        changes = [self._addition(row) for row in records]
        changes += [Change(number, "delete", gone, None) for number, gone in deletions]
        return sorted(changes, key=lambda change: change.sequence)

    def missing_sequences(self, held: Iterable[int]) -> list[int]:
        """Those of the records' numbers that no record has any more."""
        with self._database.reading() as connection:
            return feed.missing_sequences(connection, held)

    def records_after(self, sequence: int, limit: int) -> list[Record | DamagedRecord]:
        """The next records after a sequence number, in the order in which they were stored."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT_RECORD} WHERE r.sequence > ? ORDER BY r.sequence LIMIT ?",
                (sequence, limit),
            ).fetchall()
        return [self._read(row) for row in rows]

    def all_records(self) -> Iterator[Record | DamagedRecord]:
        """Every record in the order in which they were stored, a few hundred in memory at a time.

        The gallery may be changed between two of them.
        """
        last = 0
        while batch := self.records_after(last, _READ_AT_ONCE):
            yield from batch
            last = batch[-1].sequence

    def size_on_disk(self) -> int:
        """Bytes of the database and its write-ahead log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def check(self) -> None:
        """Raise `GalleryDamaged` when the file was deleted or replaced; one look at the disk."""
        self._database.check()

    def close(self) -> None:
        """Close the files; afterwards every call raises `GalleryClosed`."""
        self.erase_remains()
        self._database.close()

    def _delete_some(self, sequences: Sequence[int]) -> list[str]:
        now = datetime.now(UTC)
        return self._writes.run(
            lambda connection: deletion.delete_by_number(connection, sequences, now)
        )

    def _delete_elsewhere(self, delete: Callable[[GalleryStore], int]) -> None:
        """Delete from the generations that are not served too: the one before, one in the making.

        An error there is logged: the deletion itself is done.
        """
        if self._gallery is None:
            return
        for name in generations.generations(self._gallery):
            if (self._gallery / name / DATABASE_NAME) == self.path:
                continue
            try:
                with closing(self.open_existing(self._gallery, generation=name)) as store:
                    delete(store)
            except GalleryError as error:
                logger.warning(
                    "What was deleted may still lie in the generation %s of %s, which "
                    "`vreid reindex --discard` removes: %s",
                    *(name, self._gallery, error),
                )

    def _addition(self, row: Sequence[Any]) -> Change:
        read = self._read(row)
        if isinstance(read, DamagedRecord):
            return Change(read.sequence, "add", read.sequence, None, damage=read.reason)
        return Change(read.sequence, "add", read.sequence, read)

    def _read(self, row: Sequence[Any]) -> Record | DamagedRecord:
        try:
            return self._decode(row)
        except GalleryDamaged as error:
            return DamagedRecord(row[0], row[1], str(error))

    def _decode(self, row: Sequence[object]) -> Record:
        return decode_record(row, self.facts.feature_size, self.path)
