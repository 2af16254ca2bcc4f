"""Records read in bulk are those that are read one by one, damaged ones too."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from service.gallery.columns.columns import NO_TIME
from service.gallery.record import DamagedRecord, Record
from service.gallery.store.bulk_reading import read_columns, read_numbers, read_records
from service.gallery.store.rows import mask_bits, microseconds
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import MASKS, new_record
from tests.service.gallery.index_builders import open_store

SEEN = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    opened = open_store(tmp_path)
    opened.add(
        [
            new_record(
                seed,
                mask=MASKS[seed % 7],
                id=f"r{seed}",
                identity=f"Fahrzeug ä{seed}" if seed % 3 else None,
                camera="2",
                captured_at=SEEN if seed % 2 else None,
                attributes={"colour": "red", "axles": seed, "towing": seed % 2 == 0}
                if seed % 4
                else {},
            )
            for seed in range(30)
        ]
    )
    yield opened
    opened.close()


def damage(store: GalleryStore, statement: str) -> None:
    with store.database.writing() as connection:
        connection.execute(statement)


@pytest.mark.parametrize("rows", [1, 7, 30, 100])
def test_batches_hold_what_each_record_holds(store: GalleryStore, rows: int) -> None:
    records = [each for each in store.records_after(0, 100) if isinstance(each, Record)]
    batches = list(read_records(store, 4, 28, rows))
    assert [len(batch) for batch in batches[:-1]] == [rows] * (len(batches) - 1)
    found = 4
    for batch in batches:
        assert batch.features is not None
        for row in range(len(batch)):
            record = records[found]
            present = record.features[record.mask]
            assert batch.sequence[row] == record.sequence
            assert batch.checksum[row] == zlib.crc32(present.tobytes())
            assert batch.mask[row] == mask_bits(record.mask)
            assert batch.captured_at[row] == (
                NO_TIME if record.captured_at is None else microseconds(record.captured_at)
            )
            assert (batch.identity[row], batch.camera[row], batch.scene[row]) == (
                record.identity,
                record.camera,
                record.scene,
            )
            assert batch.attributes[row] == record.attributes
            assert np.array_equal(batch.features[row], record.features)
            found += 1
    assert found == 28


def test_columns_come_without_features_and_numbers_without_columns(store: GalleryStore) -> None:
    (whole,) = read_records(store, 0, 100, 100)
    (columns,) = read_columns(store, 0, 100, 100)
    assert columns.features is None
    assert np.array_equal(columns.sequence, whole.sequence)
    assert columns.attributes == whole.attributes
    numbers, checksums = read_numbers(store, 20)
    assert np.array_equal(numbers, whole.sequence[:20])
    assert np.array_equal(checksums, whole.checksum[:20])


def test_columns_are_read_without_touching_the_records(store: GalleryStore) -> None:
    with store.database.reading() as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT sequence, checksum, mask, captured_at, identity, camera, "
            "scene, attributes FROM record INDEXED BY record_columns WHERE sequence > 4 "
            "ORDER BY sequence LIMIT 5"
        ).fetchall()
    assert "USING COVERING INDEX record_columns" in plan[0][3]
    assert len(plan) == 1, "nothing is sorted"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE record SET checksum = checksum + 1 WHERE id = 'r5'", "checksum"),
        ("UPDATE record SET features = x'00' WHERE id = 'r5'", "bytes instead of"),
        ("UPDATE record SET mask = 9 WHERE id = 'r5'", "mask is 9"),
        ("UPDATE record SET camera = CAST(x'ff41' AS TEXT) WHERE id = 'r5'", "surrogates"),
        ("UPDATE record SET attributes = '{' WHERE id = 'r5'", "property name"),
        ("UPDATE record SET attributes = '{},{}' WHERE id = 'r5'", "damaged"),
        ("UPDATE record SET attributes = '[1]' WHERE id = 'r5'", "JSON object"),
        ("UPDATE record SET captured_at = 9000000000000000000 WHERE id = 'r5'", "damaged"),
    ],
)
def test_a_damaged_record_is_told_apart_and_the_others_are_read(
    store: GalleryStore, statement: str, reason: str
) -> None:
    damage(store, statement)
    (batch,) = read_records(store, 0, 100, 100)
    assert batch.sequence.tolist() == [each for each in range(1, 31) if each != 6]
    assert batch.features is not None
    assert len(batch.features) == 29
    (told,) = batch.damaged
    assert isinstance(told, DamagedRecord)
    assert told.sequence == 6
    assert reason in told.reason


def test_a_batch_of_damaged_records_only_is_empty(store: GalleryStore) -> None:
    damage(store, "UPDATE record SET mask = 9")
    batches = list(read_records(store, 0, 100, 7)) + list(read_columns(store, 0, 100, 7))
    assert [len(batch) for batch in batches] == [0] * 10
    assert sum(len(batch.damaged) for batch in batches) == 60
