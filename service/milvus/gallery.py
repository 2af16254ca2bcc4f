"""A gallery in Milvus: the same as `service.gallery.gallery.Gallery`, for many machines.

Everything is on the server: any number of services use one collection, hold no records themselves
and need not know of each other. What one of them was told is stored, all of them find at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from service.errors import (
    DeletionInterrupted,
    GalleryClosed,
    GalleryDamaged,
    UnexpectedCount,
    UnknownRecord,
)
from service.gallery.address import MilvusAddress
from service.gallery.filters.filter import Filter
from service.gallery.query import (
    Position,
    check_page_size,
    check_stretch,
    checked_query,
    unknown_cursor,
)
from service.gallery.record import Labels, NewRecord, Record
from service.gallery.results import GalleryInfo, Match, Page
from service.gallery.store import enrolment as store_enrolment
from service.gallery.store.deletion import Selection
from service.milvus import collection, enrolment
from service.milvus.candidates import FEWEST
from service.milvus.collection import CollectionFacts
from service.milvus.connection import KEY, MOST_ROWS, Connection, Row
from service.milvus.expressions import (
    Expression,
    both,
    expression_of,
    quoted,
    selection_expression,
)
from service.milvus.ranking import Scored, Search, ranked
from service.milvus.rows import (
    RECORD_FIELDS,
    Numbers,
    decode,
    decode_labels,
    decode_thumbnail,
    sequence_at,
)
from vreid.bundle import Bundle
from vreid.contributions import contributions
from vreid.modality import Modality
from vreid.policy import Policy, resolve_policy

DEFAULT_TIMEOUT = 10.0

# By how much the clocks of the machines that store records may differ.
CLOCK_TOLERANCE = 2.0

_DELETED_AT_ONCE = 500
_LABEL_FIELDS = ("id", "identity", "camera", "scene", "captured_at", "attributes")


class MilvusGallery:
    """One collection of a Milvus server, open for a bundle; safe from several threads.

    It is a `GalleryProtocol`, and what the indexing job needs (`service.milvus.records`).
    """

    def __init__(
        self,
        connection: Connection,
        facts: CollectionFacts,
        bundle: Bundle,
        *,
        fewest_candidates: int = FEWEST,
        clock_tolerance: float = CLOCK_TOLERANCE,
    ) -> None:
        self._connection = connection
        self._facts = facts
        self._bundle = bundle
        self._numbers = Numbers()
        self._fewest_candidates = fewest_candidates
        # One process at a time has a file of milvus-lite.
        self._clock_tolerance = 0.0 if connection.address.is_lite else clock_tolerance

    @classmethod
    def open(
        cls, address: MilvusAddress, bundle: Bundle, *, timeout: float = DEFAULT_TIMEOUT
    ) -> MilvusGallery:
        """Open the collection, or make it when the server has none.

        A call waits `timeout` seconds for the server. Raises `FingerprintMismatch` when the gallery
        was made with another model, and `GalleryError` when the server does not answer or the
        collection is something else.
        """
        connection = Connection(address, timeout)
        manifest = bundle.manifest
        try:
            facts = collection.prepare(connection, manifest.fingerprint, manifest.feature_size)
        except BaseException:
            connection.close()
            raise
        return cls(connection, facts, bundle)

    def add(self, record: NewRecord) -> Record:
        """Store a record; when this returns, every service on this collection finds it.

        It is then in Milvus's log, and as safe as that log is kept (docs/scale.md). Raises
        `DuplicateRecord` when its id is taken, `InvalidRecord` for another feature size or what
        Milvus cannot hold, `GalleryLocked` when others keep storing the same id.
        """
        return self.add_all([record])[0]

    def add_all(self, records: Sequence[NewRecord]) -> list[Record]:
        """Store records, all of them or, when this raises, none.

        A process that dies, or loses the server, in the middle may leave a part of them.
        """
        if not records:
            return []
        store_enrolment.check_sizes(records, self._facts.feature_size)
        rows = enrolment.store(self._connection, records, self._numbers)
        return [decode(row, self._facts.feature_size) for row in rows]

    def relabel(self, record_id: str, labels: Labels, content_hash: str | None) -> None:
        """Replace what is told about a record; it keeps its id and moves to the end of the order.

        Raises `UnknownRecord`.
        """
        enrolment.relabel(self._connection, self._numbers, record_id, labels, content_hash)

    def get(self, record_id: str) -> Record:
        """The record with this id. Raises `UnknownRecord`."""
        return decode(self._row(record_id, RECORD_FIELDS), self._facts.feature_size)

    def thumbnail(self, record_id: str, modality: Modality) -> bytes | None:
        """The JPEG thumbnail of one modality, None when it has none. Raises `UnknownRecord`."""
        field = f"thumbnail_{modality}"
        return decode_thumbnail(str(self._row(record_id, [field])[field]))

    def page(
        self, cursor: str | None = None, limit: int = 100, filter: Filter | None = None
    ) -> Page:
        """The records after a cursor, in the order in which they were stored.

        A record that another machine stores at the same moment with a clock that is behind may be
        on no page. Raises `InvalidSearch` for a cursor that no page gave or a limit outside 1 to
        MAX_PAGE.
        """
        check_page_size(limit)
        _check_cursor(cursor)
        rows: list[Row] = []
        for row in self._rows(expression_of(filter), filter, cursor or "", limit + 1):
            rows.append(row)
            if len(rows) > limit:
                break
        shown = rows[:limit]
        keys = [str(row[KEY]) for row in shown]
        read = {str(row[KEY]): row for row in self._connection.by_key(keys, RECORD_FIELDS)}
        return Page(
            records=tuple(
                decode(read[key], self._facts.feature_size) for key in keys if key in read
            ),
            next_cursor=keys[-1] if len(rows) > limit else None,
        )

    def delete(self, record_id: str) -> None:
        """Delete a record with its features and thumbnails. Raises `UnknownRecord`.

        No search finds it any more; Milvus removes the bytes when it compacts (docs/scale.md).
        """
        if enrolment.delete_ids(self._connection, [record_id]) == 0:
            raise UnknownRecord(record_id)

    def delete_selected(self, selection: Selection) -> int:
        """Delete every record that is selected, a batch at a time; return how many there were."""
        expression, total = selection_expression(selection), 0
        while rows := self._connection.query(expression, [KEY], _DELETED_AT_ONCE):
            self._connection.delete([str(row[KEY]) for row in rows])
            total += len(rows)
        return total

    def delete_matching(self, filter: Filter, expected: int | None = None) -> int:
        """Delete every record that passes a filter, a batch at a time; return how many there were.

        Records that are stored meanwhile stay. Raises `UnexpectedCount` where `expected` is not
        their number; Milvus has no transactions, so they are counted just before, and those that
        were counted are deleted.
        """
        stored = _stored_by_now(expression_of(filter))
        passing: Iterator[str] = (str(row[KEY]) for row in self._rows(stored, filter))
        if expected is not None:
            counted = list(passing)
            if len(counted) != expected:
                raise UnexpectedCount(expected, len(counted))
            passing = iter(counted)
        total = 0
        try:
            while keys := list(islice(passing, _DELETED_AT_ONCE)):
                self._connection.delete(keys)
                total += len(keys)
        except GalleryClosed as error:
            # Of this error alone a caller takes for granted that nothing was done.
            if total:
                raise DeletionInterrupted(total, error) from error
            raise
        return total

    def count_matching(self, filter: Filter) -> int:
        """How many records `delete_matching` would delete."""
        return self._count(_stored_by_now(expression_of(filter)), filter)

    def count(self, filter: Filter | None = None) -> int:
        """How many records there are, or how many pass a filter."""
        return self._count(expression_of(filter), filter)

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
        """As `GalleryProtocol.search`; the index of the collection decides what is overlooked."""
        query = checked_query(query_features, query_mask, self._facts.feature_size)
        check_stretch(k, after)
        manifest = self._bundle.manifest
        resolved = resolve_policy(policy, manifest.auto_policy)
        search = Search(query, resolved, manifest.calibration, filter, after, as_of)
        found = ranked(self._connection, self._facts, search, k, self._fewest_candidates)
        return [_match(rank, each, search) for rank, each in enumerate(found, 1)]

    @property
    def sequence(self) -> int:
        """A number above those of all records so far.

        It follows this machine's clock; records that are stored in the next CLOCK_TOLERANCE
        seconds may have numbers below it.
        """
        return sequence_at(time.time() + self._clock_tolerance)

    def refresh(self) -> int:
        """Nothing to follow: see that the server answers. Raises `GalleryUnavailable`."""
        self.check()
        return 0

    def check(self) -> None:
        """Raise `GalleryUnavailable` or, when the collection was dropped, `GalleryDamaged`."""
        name = self._connection.name
        if not self._connection.call(lambda client: client.has_collection(name)):
            raise GalleryDamaged(
                f"The collection {self._connection.address} was dropped; restore a backup of it "
                "into Milvus, or start the service again to begin with an empty gallery."
            )

    @property
    def damaged(self) -> int:
        """How many records cannot be read: not known here, because nothing is loaded."""
        return 0

    @property
    def remark(self) -> str | None:
        """Nothing: a collection is not embedded again in place."""
        return None

    def info(self) -> GalleryInfo:
        """Address, number of records and model; the server does not tell what it takes on disk."""
        return GalleryInfo(
            directory=str(self._connection.address),
            records=self.count(),
            fingerprint=self._facts.fingerprint,
            feature_size=self._facts.feature_size,
            created_at=self._facts.created_at,
            bytes_on_disk=None,
        )

    def known_content(self, hashes: Iterable[str]) -> set[str]:
        """Those of the content hashes that some record carries."""
        wanted = sorted({each for each in hashes if each and each.isprintable()})
        known: set[str] = set()
        for first in range(0, len(wanted), _DELETED_AT_ONCE):
            listed = ", ".join(map(quoted, wanted[first : first + _DELETED_AT_ONCE]))
            rows = self._connection.query(f"content_hash in [{listed}]", ["content_hash"])
            known.update(str(row["content_hash"]) for row in rows)
        return known

    def ids_with_images(self, images_hash: str) -> list[str]:
        """Ids of the records that were made of these images, whatever their labels."""
        if not images_hash or not images_hash.isprintable():
            return []
        rows = self._connection.query(f"images_hash == {quoted(images_hash)}", ["id"])
        return list(dict.fromkeys(str(row["id"]) for row in rows))

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self._connection.close()

    def __enter__(self) -> MilvusGallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _row(self, record_id: str, fields: Sequence[str]) -> Row:
        rows = enrolment.rows_with_id(self._connection, [record_id], fields)
        if not rows:
            raise UnknownRecord(record_id)
        return rows[0]

    def _count(self, expression: Expression, filter: Filter | None) -> int:
        if expression.is_exact:
            return self._connection.count(expression.text)
        return sum(1 for _ in self._rows(expression, filter))

    def _rows(
        self,
        expression: Expression,
        filter: Filter | None,
        after: str = "",
        at_once: int = MOST_ROWS,
    ) -> Iterator[Row]:
        """Rows that pass a filter, in the order of storing, with their key only or labels too."""
        fields = [KEY] if expression.is_exact or filter is None else _LABEL_FIELDS
        while rows := self._connection.query(expression.text, fields, at_once, after):
            for row in rows:
                if expression.is_exact or filter is None or filter.matches(decode_labels(row)):
                    yield row
            after = str(rows[-1][KEY])


def _stored_by_now(expression: Expression) -> Expression:
    """What an expression admits of the records that are stored by now."""
    until = f"sequence <= {sequence_at(time.time())}"
    return Expression(both(expression.text, until), expression.is_exact)


def _match(rank: int, found: Scored, search: Search) -> Match:
    record = found.record
    return Match(
        rank=rank,
        record=record,
        key=found.key,
        score=found.score,
        probability=found.probability,
        contributions=contributions(
            search.query.features,
            search.query.mask,
            record.features,
            record.mask,
            search.policy,
        ),
    )


def _check_cursor(cursor: str | None) -> None:
    if cursor is not None and (len(cursor) != 32 or set(cursor) - set("0123456789abcdef")):
        raise unknown_cursor(cursor)
