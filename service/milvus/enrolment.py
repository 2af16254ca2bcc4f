"""Storing records in Milvus, where nothing refuses two rows with one id.

So rows are inserted and then looked at: who finds another row with one of its ids or sequence
numbers takes its own rows back. Readings are strongly consistent, so of two writers at least the
one that looks later sees the other, and two records with one id are never both acknowledged. When
both take their rows back, both try again after a random pause.

A process that dies between inserting and looking leaves rows that nobody was told of. They are
found like others; a later writer of the same id is told that it is taken, as if the dead process
had been quick enough to answer.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from service.errors import (
    GalleryError,
    GalleryLocked,
    InvalidRecord,
    UnknownRecord,
)
from service.gallery.record import Labels, NewRecord, check_id
from service.gallery.store.enrolment import refuse_repeated
from service.milvus.collection import CENTER, CONCATENATION
from service.milvus.connection import KEY, Connection, Row
from service.milvus.expressions import quoted
from service.milvus.rows import RECORD_FIELDS, Numbers, encode, relabelled
from vreid.modality import MODALITIES

_ATTEMPTS = 8
_FIRST_PAUSE = 0.01
_IDS_AT_ONCE = 512

_THUMBNAILS = tuple(f"thumbnail_{modality}" for modality in MODALITIES)
_ALL_FIELDS = (
    *RECORD_FIELDS,
    "batch",
    "images_hash",
    "words",
    *_THUMBNAILS,
    CENTER,
    CONCATENATION,
)


def store(connection: Connection, records: Sequence[NewRecord], numbers: Numbers) -> list[Row]:
    """Store records and return their rows; when this returns, every replica finds them.

    Raises `DuplicateRecord` with every id that is taken, `InvalidRecord` for what Milvus cannot
    hold; then, and when the server goes away, what was stored of the batch is taken back (which
    a server that is gone cannot do).
    """
    _refuse_crops(records)
    for attempt in range(_ATTEMPTS):
        _refuse_taken_ids(connection, records)
        rows = _encoded(records, numbers)
        if _inserted_alone(connection, rows):
            return rows
        time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))
    raise GalleryLocked(
        f"Other processes keep storing records with the same ids in {connection.address}; "
        "try again, and let one process store a sighting."
    )


def rows_with_id(
    connection: Connection, ids: Iterable[str], fields: Sequence[str] = ("id",)
) -> list[Row]:
    """Every row of these ids, those stored first before others; ids that none has do not matter."""
    wanted = [each for each in ids if _is_id(each)]
    rows: list[Row] = []
    for first in range(0, len(wanted), _IDS_AT_ONCE):
        listed = ", ".join(map(quoted, wanted[first : first + _IDS_AT_ONCE]))
        rows += connection.query(f"id in [{listed}]", fields)
    return sorted(rows, key=lambda row: str(row[KEY]))


def delete_ids(connection: Connection, ids: Iterable[str]) -> int:
    """Delete every row of these ids; return how many ids there were."""
    rows = rows_with_id(connection, ids)
    connection.delete([str(row[KEY]) for row in rows])
    return len({row["id"] for row in rows})


def relabel(
    connection: Connection,
    numbers: Numbers,
    record_id: str,
    labels: Labels,
    content_hash: str | None,
) -> None:
    """Replace what is told about a record, which moves to the end of the order.

    A new row is stored and the old one deleted: a search in between may find both, and a process
    that dies in between leaves both, of which the older one counts. Raises `UnknownRecord`, also
    when the record is deleted meanwhile; of two changes at one moment one may be the last.
    """
    before = rows_with_id(connection, [record_id], _ALL_FIELDS)
    old = _first(before, record_id)
    [number] = numbers.next(1)
    connection.insert([relabelled(old, number, labels, content_hash)])
    if not connection.by_key([str(old[KEY])], ["id"]):
        connection.delete([number.key])
        raise UnknownRecord(record_id)
    connection.delete([str(row[KEY]) for row in before])
    later = [str(row[KEY]) for row in rows_with_id(connection, [record_id])[1:]]
    connection.delete(later)


def _inserted_alone(connection: Connection, rows: Sequence[Row]) -> bool:
    """Insert rows; take them back, and return False, if another row shares an id or number."""
    own = {str(row[KEY]) for row in rows}
    try:
        connection.insert(rows)
        if _rivals(connection, rows) <= own:
            return True
    except BaseException:
        with suppress(GalleryError):
            connection.delete(sorted(own))
        raise
    connection.delete(sorted(own))
    return False


def _rivals(connection: Connection, rows: Sequence[Row]) -> set[str]:
    keys: set[str] = set()
    for first in range(0, len(rows), _IDS_AT_ONCE):
        part = rows[first : first + _IDS_AT_ONCE]
        ids = ", ".join(quoted(str(row["id"])) for row in part)
        sequences = ", ".join(str(row["sequence"]) for row in part)
        found = connection.query(f"id in [{ids}] or sequence in [{sequences}]", ["id"])
        keys.update(str(row[KEY]) for row in found)
    return keys


def _encoded(records: Sequence[NewRecord], numbers: Numbers) -> list[Row]:
    batch, now = secrets.token_hex(16), datetime.now(UTC)
    return [
        encode(record, number, batch, now)
        for record, number in zip(records, numbers.next(len(records)), strict=True)
    ]


def _refuse_taken_ids(connection: Connection, records: Sequence[NewRecord]) -> None:
    ids = [record.id for record in records if record.id is not None]
    refuse_repeated(ids, [str(row["id"]) for row in rows_with_id(connection, ids)])


def _refuse_crops(records: Sequence[NewRecord]) -> None:
    if any(record.crops for record in records):
        raise InvalidRecord(
            "A gallery in Milvus keeps no encoded images; leave keep_crops at none, and keep the "
            "pictures elsewhere if another model is to embed them one day."
        )


def _first(rows: Sequence[Row], record_id: str) -> Row:
    if not rows:
        raise UnknownRecord(record_id)
    return rows[0]


def _is_id(text: str) -> bool:
    try:
        check_id(text)
    except InvalidRecord:
        return False
    return True
