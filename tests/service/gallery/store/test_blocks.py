"""Records stored as a block are stored as single ones are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import DuplicateRecord, InvalidRecord
from service.gallery.record import NewRecord, Record
from service.gallery.store.blocks import RecordBlock
from service.gallery.store.rows import encode_record
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, MASKS, new_record


def block_of(records: list[Record]) -> RecordBlock:
    rows = [encode_record(record) for record in records]

    def column(at: int) -> list[Any]:
        return [row[at] for row in rows]

    return RecordBlock(
        np.stack([record.features for record in records]),
        np.stack([record.mask for record in records]),
        column(1),
        column(2),
        column(3),
        column(4),
        column(5),
        column(6),
        column(8),
        ["f" * 64 if record.id == "r3" else None for record in records],
        column(9),
        column(10),
    )


def content() -> list[NewRecord]:
    return [
        new_record(
            seed,
            mask,
            id=f"r{seed}",
            identity="é" if seed else None,
            attributes={"n": seed},
            images_hash="f" * 64 if seed == 3 else None,
        )
        for seed, mask in enumerate(MASKS)
    ]


def opened(directory: Path, feature_size: int = FEATURE_SIZE) -> GalleryStore:
    return GalleryStore.open(directory, FINGERPRINT, feature_size)


def tables(store: GalleryStore) -> list[list[Any]]:
    with store.database.reading() as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("record", "record_images", "deletion")
        ]


def test_a_block_writes_the_rows_that_single_records_do(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "one"), opened(tmp_path / "other")
    block = block_of(one.add(content()))
    other.add_block(block.rows([0, 1, 2]))
    other.add_block(block.rows([3, 4, 5, 6]))
    assert tables(other) == tables(one)
    for store in (one, other):
        changes = store.changes_since(0)
        assert [change.record_sequence for change in changes] == list(range(1, 8))
    one.close()
    other.close()


def test_a_block_with_an_id_that_is_taken_or_repeated_stores_nothing(tmp_path: Path) -> None:
    source, store = opened(tmp_path / "source"), opened(tmp_path / "store")
    block = block_of(source.add(content()))
    store.add_block(block.rows([1]))
    with pytest.raises(DuplicateRecord) as taken:
        store.add_block(block.rows([0, 1, 2, 2]))
    assert taken.value.ids == ("r1", "r2")
    assert store.count() == 1
    source.close()
    store.close()


def test_a_block_with_content_that_somebody_stored_meanwhile_is_stored_not_at_all(
    tmp_path: Path,
) -> None:
    source = opened(tmp_path / "source")
    block = block_of(
        source.add([new_record(each, id=f"r{each}", content_hash=f"h{each}") for each in range(3)])
    )
    store = opened(tmp_path / "g")
    store.add([new_record(9, id="other", content_hash="h1")])
    with pytest.raises(DuplicateRecord) as known:
        store.add_block(block, {"h0", "h1"})
    assert known.value.ids == ("r1",)
    assert store.count() == 1
    store.add_block(block, {"h0"})
    assert store.count() == 4
    for each in (source, store):
        each.close()


def test_a_block_of_another_feature_size_is_refused(tmp_path: Path) -> None:
    source, store = opened(tmp_path / "source"), opened(tmp_path / "store", 5)
    with pytest.raises(InvalidRecord, match="12 values"):
        store.add_block(block_of(source.add(content())))
    source.close()
    store.close()


def test_a_block_is_compared_with_what_is_stored(tmp_path: Path) -> None:
    store = opened(tmp_path)
    stored = store.add(content())
    block = block_of(stored)
    assert store.compare_block(block) == ([0, 1, 2, 3, 4, 5, 6], [])
    features = block.features.copy()
    features[4, 2] *= np.float16(-1)
    changed = RecordBlock(
        features,
        block.mask,
        [*block.id[:6], "new"],
        block.identity,
        [*block.camera[:2], "moved", *block.camera[3:]],
        block.scene,
        block.captured_at,
        block.attributes,
        block.content_hash,
        block.images_hash,
        block.source,
        block.created_at,
    )
    assert store.compare_block(changed) == ([0, 1, 3, 5], [2, 4])
    store.close()
