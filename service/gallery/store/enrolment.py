"""Storing new records, and giving stored ones other labels."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from service.errors import DuplicateRecord, InvalidRecord
from service.gallery.record import Labels, NewRecord, Record, make_id
from service.gallery.store.crops import store_crops
from service.gallery.store.feed import last_sequence, note_deletions
from service.gallery.store.pictures import store_pictures
from service.gallery.store.rows import RECORD_COLUMNS, encode_record, microseconds

_INSERT_RECORD = (
    f"INSERT INTO record ({', '.join(RECORD_COLUMNS)}) "
    f"VALUES ({', '.join('?' for _ in RECORD_COLUMNS)})"
)


def store_records(
    connection: sqlite3.Connection,
    records: Sequence[NewRecord],
    now: datetime,
    *,
    skip_known_content: bool,
) -> list[Record]:
    """Store records and return them. Raises `DuplicateRecord` with every id that is taken."""
    if skip_known_content:
        records = _without_known_content(connection, records)
    refuse_taken_ids(connection, [each.id for each in records if each.id is not None])
    first = last_sequence(connection) + 1
    stored = [_with_sequence(new, sequence, now) for sequence, new in enumerate(records, first)]
    connection.executemany(_INSERT_RECORD, [encode_record(record) for record in stored])
    for record, new in zip(stored, records, strict=True):
        store_pictures(connection, record.sequence, new.thumbnails)
        store_crops(connection, record.sequence, new.crops, new.tir_palette)
        if new.images_hash is not None:
            connection.execute(
                "INSERT INTO record_images (record_sequence, hash) VALUES (?, ?)",
                (record.sequence, new.images_hash),
            )
    return stored


def known_content(connection: sqlite3.Connection, hashes: Iterable[str]) -> set[str]:
    """Those of the content hashes that some record carries."""
    rows = connection.execute(
        "SELECT content_hash FROM record "
        "WHERE content_hash IN (SELECT value FROM json_each(?)) AND content_hash IS NOT NULL",
        (json.dumps(list(hashes)),),
    ).fetchall()
    return {row[0] for row in rows}


def ids_with_images(connection: sqlite3.Connection, images_hash: str) -> list[str]:
    """Ids of the records that were made of these images, whatever their labels."""
    rows = connection.execute(
        "SELECT r.id FROM record_images AS i JOIN record AS r ON r.sequence = i.record_sequence "
        "WHERE i.hash = ? ORDER BY r.sequence",
        (images_hash,),
    ).fetchall()
    return [row[0] for row in rows]


def relabel_record(
    connection: sqlite3.Connection,
    record_id: str,
    labels: Labels,
    content_hash: str | None,
    now: datetime,
) -> bool:
    """Give a record other labels and a new place at the end of the feed; False if it is gone.

    In the feed it is deleted and added again, so whoever follows needs no third kind of change.
    """
    row = connection.execute("SELECT sequence FROM record WHERE id = ?", (record_id,)).fetchone()
    if row is None:
        return False
    note_deletions(connection, [row[0]], now)
    connection.execute(
        "UPDATE record SET sequence = ?, identity = ?, camera = ?, scene = ?, captured_at = ?, "
        "attributes = ?, content_hash = ? WHERE sequence = ?",
        (
            last_sequence(connection) + 1,
            labels.identity,
            labels.camera,
            labels.scene,
            None if labels.captured_at is None else microseconds(labels.captured_at),
            json.dumps(dict(labels.attributes), ensure_ascii=False),
            content_hash,
            row[0],
        ),
    )
    return True


def check_sizes(records: Iterable[NewRecord], feature_size: int) -> None:
    """Raise `InvalidRecord` unless the features have the gallery's size."""
    for record in records:
        check_feature_size(record.features.shape[1], feature_size)


def check_feature_size(given: int, feature_size: int) -> None:
    """Raise `InvalidRecord` unless the features have the gallery's size."""
    if given != feature_size:
        raise InvalidRecord(
            f"The features have {given} values a modality, and this gallery holds {feature_size}; "
            "embed with the gallery's bundle."
        )


def _with_sequence(new: NewRecord, sequence: int, now: datetime) -> Record:
    return Record(
        sequence=sequence,
        id=make_id() if new.id is None else new.id,
        identity=new.identity,
        camera=new.camera,
        scene=new.scene,
        captured_at=new.captured_at,
        attributes=new.attributes,
        mask=new.mask,
        features=new.features,
        content_hash=new.content_hash,
        source=new.source,
        created_at=now,
    )


def _without_known_content(
    connection: sqlite3.Connection, records: Sequence[NewRecord]
) -> list[NewRecord]:
    known = known_content(
        connection, [each.content_hash for each in records if each.content_hash is not None]
    )
    kept = []
    for record in records:
        if record.content_hash is not None:
            if record.content_hash in known:
                continue
            known.add(record.content_hash)
        kept.append(record)
    return kept


def refuse_taken_ids(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Raise `DuplicateRecord` with every id that a record has or that comes a second time."""
    rows = connection.execute(
        "SELECT id FROM record WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    ).fetchall()
    refuse_repeated(ids, [row[0] for row in rows])


def refuse_repeated(ids: Iterable[str], taken: Iterable[str]) -> None:
    """Raise `DuplicateRecord` with every id that is taken or comes a second time."""
    repeated, seen = [], set(taken)
    for record_id in ids:
        if record_id in seen:
            repeated.append(record_id)
        seen.add(record_id)
    if repeated:
        raise DuplicateRecord(repeated)
