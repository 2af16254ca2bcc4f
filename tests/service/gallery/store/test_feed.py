"""The feed forgets old deletions; a reader that missed some is told and ends with the same."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.errors import FeedForgotten
from service.gallery.gallery import Gallery
from service.gallery.store import feed
from service.gallery.store.feed import FEED_KEPT
from service.gallery.store.store import GalleryStore
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record


def open_store(directory: Path) -> GalleryStore:
    return GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)


def forget_everything(store: GalleryStore) -> None:
    with store.database.writing() as connection:
        feed.forget_deletions(connection, datetime.now(UTC) + timedelta(seconds=1))


def test_a_deletion_is_forgotten_when_it_is_old(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add([new_record(id="a"), new_record(id="b")])
    store.delete(["a"])
    with store.database.writing() as connection:
        feed.forget_deletions(connection, datetime.now(UTC) - FEED_KEPT)
    assert [change.kind for change in store.changes_since(0)] == ["add", "delete"]
    with store.database.writing() as connection:
        connection.execute("UPDATE deletion SET deleted_at = 0")
    store.delete(["b"])
    assert [change.sequence for change in store.changes_since(0)] == [4]
    assert store.feed_floor() == 3
    store.close()


def test_a_number_is_not_used_again_when_its_deletion_is_forgotten(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add([new_record(id="a")])
    store.delete(["a"])
    forget_everything(store)
    assert store.last_sequence() == 2
    (record,) = store.add([new_record(id="b")])
    assert record.sequence == 3
    store.close()


def test_a_reader_that_missed_a_forgotten_deletion_is_told(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add([new_record(id=each) for each in "abc"])
    store.delete(["a"])
    forget_everything(store)
    assert len(store.changes_since(0)) == 2, "who holds nothing has missed nothing"
    assert store.changes_since(4) == [], "who saw the deletion has missed nothing"
    with pytest.raises(FeedForgotten, match="change 4") as told:
        store.changes_since(3)
    assert store.missing_sequences([1, 2, 3]) == [1]
    assert store.changes_since(3, known_floor=told.value.floor) == []
    store.close()


def test_a_gallery_that_slept_too_long_drops_what_was_deleted(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", FEATURE_SIZE)
    directory = tmp_path / "gallery"
    with Gallery.open(directory, bundle, follow_interval=None) as sleeping:
        sleeping.add_all([new_record(seed, id=f"r{seed}") for seed in range(6)])
        store = GalleryStore.open(directory, bundle.fingerprint, FEATURE_SIZE)
        store.delete(["r1", "r4"])
        forget_everything(store)
        store.add([new_record(7, id="r7")])
        store.delete(["r2"])
        sleeping.refresh()
        listed = [record.id for record in sleeping.page().records]
        query = new_record(1)
        found = {match.record.id for match in sleeping.search(query.features, query.mask)}
        assert listed == ["r0", "r3", "r5", "r7"]
        assert found == set(listed)
        with Gallery.open(directory, bundle, follow_interval=None) as fresh:
            assert [record.id for record in fresh.page().records] == listed
        store.close()
