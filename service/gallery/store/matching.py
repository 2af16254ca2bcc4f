"""Which stored records satisfy a filter, found without a search index: for deleting them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from service.errors import InvalidRecord
from service.gallery.columns.columns import Columns
from service.gallery.filters.filter import Filter
from service.gallery.record import Labels
from service.gallery.store.bulk_reading import read_columns
from service.gallery.store.store import GalleryStore

_QUARANTINED = "SELECT sequence, identity, camera, scene, captured_at, attributes FROM quarantine"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored_matches(store: GalleryStore, filter: Filter) -> Iterator[list[int]]:
    """Sequence numbers of the records that satisfy the filter, quarantined ones too.

    They come some at a time; records whose features are damaged are among them. Those stored after
    the first list was taken are not, nor are those whose labels are damaged, of which nobody can
    tell.
    """
    for batch in read_columns(store, 0, store.last_sequence()):
        columns = Columns()
        columns.append(batch)
        yield batch.sequence[filter.rows(columns.view())].tolist()
    yield _quarantined_matches(store, filter)


def delete_matches(store: GalleryStore, filter: Filter, expected: int | None = None) -> int:
    """Delete the records that satisfy the filter; return how many there were.

    Of a generation that is not served, those that satisfy it and that the served one lacks. Raises
    `UnexpectedCount`, and deletes none, where `expected` is another number than satisfy it, and
    `DeletionInterrupted` where some are deleted and the others cannot be now.
    """
    return store.delete_numbered(lambda each: stored_matches(each, filter), expected)


def _quarantined_matches(store: GalleryStore, filter: Filter) -> list[int]:
    with store.database.reading() as connection:
        found = connection.execute(_QUARANTINED).fetchall()
    numbers = []
    for number, identity, camera, scene, captured_at, attributes in found:
        try:
            time = None if captured_at is None else _EPOCH + timedelta(microseconds=captured_at)
            labels = Labels(identity, camera, scene, time, json.loads(attributes))
        except (InvalidRecord, ValueError, TypeError, OverflowError, RecursionError):
            continue
        if filter.matches(labels):
            numbers.append(number)
    return numbers
