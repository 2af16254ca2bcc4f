"""Files that are not what was written, and places that cannot be written: typed errors."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.errors import (
    GalleryDamaged,
    GalleryLocked,
    GalleryUnsupported,
    GalleryUnwritable,
)
from service.gallery.store.database import DATABASE_NAME, Database, enter_wal, translated_errors
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record


@pytest.fixture
def closed_gallery(tmp_path: Path) -> Path:
    """A gallery of 200 records, not open; its database file is over 20 pages long."""
    directory = tmp_path / "gallery"
    store = open_store(directory)
    store.add([new_record(number, id=f"r{number}") for number in range(200)])
    store.close()
    return directory


def open_store(directory: Path) -> GalleryStore:
    return GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)


def read_everything(directory: Path) -> int:
    store = open_store(directory)
    try:
        return len(store.changes_since(0))
    finally:
        store.close()


def test_a_file_that_is_no_database_is_reported(closed_gallery: Path) -> None:
    (closed_gallery / DATABASE_NAME).write_bytes(b"these bytes are no database" * 1000)
    with pytest.raises(GalleryDamaged, match="restore a backup"):
        open_store(closed_gallery)


def test_a_database_of_something_else_is_reported_and_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / DATABASE_NAME)
    other.execute("CREATE TABLE birds (name TEXT)")
    other.commit()
    other.close()
    with pytest.raises(GalleryDamaged, match="not a vreid gallery"):
        open_store(tmp_path)


def test_looking_at_a_file_that_was_left_empty_does_not_stop_it_from_becoming_a_gallery(
    tmp_path: Path,
) -> None:
    path = tmp_path / DATABASE_NAME
    path.touch()
    with pytest.raises(GalleryDamaged, match="does not say which model"):
        GalleryStore.open_existing(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    store = open_store(tmp_path)
    assert store.facts.fingerprint == FINGERPRINT
    assert len(store.add([new_record(1)])) == 1
    store.close()


def test_a_truncated_file_is_reported(closed_gallery: Path) -> None:
    path = closed_gallery / DATABASE_NAME
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(GalleryDamaged):
        read_everything(closed_gallery)


def damage_features(directory: Path, seed: int) -> None:
    path = directory / DATABASE_NAME
    content = bytearray(path.read_bytes())
    content[content.index(new_record(seed).features.tobytes()) + 5] ^= 0x40
    path.write_bytes(content)


def test_flipped_bits_in_features_are_reported_with_the_record(closed_gallery: Path) -> None:
    damage_features(closed_gallery, 7)
    store = open_store(closed_gallery)
    with pytest.raises(GalleryDamaged, match=r"'r7'.*checksum"):
        store.get("r7")
    (damaged,) = [each for each in store.changes_since(0) if each.damage is not None]
    store.close()
    assert damaged.record is None
    assert "'r7'" in str(damaged.damage)


def test_text_that_is_no_longer_unicode_hides_no_other_record(closed_gallery: Path) -> None:
    connection = sqlite3.connect(closed_gallery / DATABASE_NAME)
    connection.execute("UPDATE record SET camera = CAST(x'ff41' AS TEXT) WHERE id = 'r7'")
    connection.commit()
    connection.close()
    store = open_store(closed_gallery)
    changes = store.changes_since(0)
    store.close()
    assert [each.record_sequence for each in changes if each.damage is not None] == [8]
    assert len(changes) == 200


def test_a_damaged_record_can_be_deleted(closed_gallery: Path) -> None:
    damage_features(closed_gallery, 7)
    store = GalleryStore.open_existing(closed_gallery)
    assert store.delete(["r7"]) == 1
    store.close()
    assert read_everything(closed_gallery) == 199 + 1


def test_a_gallery_of_a_newer_vreid_is_refused(closed_gallery: Path) -> None:
    connection = sqlite3.connect(closed_gallery / DATABASE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(GalleryUnsupported, match="newer vreid"):
        open_store(closed_gallery)


def test_a_gallery_without_its_facts_is_reported(closed_gallery: Path) -> None:
    connection = sqlite3.connect(closed_gallery / DATABASE_NAME)
    connection.execute("DELETE FROM meta")
    connection.commit()
    connection.close()
    with pytest.raises(GalleryDamaged, match="which model"):
        open_store(closed_gallery)


def test_a_lock_that_is_held_for_too_long_is_reported(closed_gallery: Path) -> None:
    holder = sqlite3.connect(closed_gallery / DATABASE_NAME, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    database = Database(closed_gallery / DATABASE_NAME, create=False, busy_timeout=0.05)
    with pytest.raises(GalleryLocked, match="another process"), database.writing():
        pass
    holder.execute("ROLLBACK")
    with database.writing() as connection:
        assert connection.in_transaction
    database.close()
    holder.close()


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GalleryUnwritable, match="cannot be made"):
        open_store(tmp_path / "file" / "gallery")


def test_a_full_disk_stores_nothing_and_says_so(closed_gallery: Path) -> None:
    store = open_store(closed_gallery)
    with store._database.reading() as connection:
        pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
    # SQLite's own limit on the file gives the same error as a full disk.
    store._database._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(GalleryUnwritable, match="free disk space"):
        store.add([new_record(number) for number in range(200)])
    assert store.count() == 200
    store._database._writer.execute("PRAGMA max_page_count = 1000000")
    store.add([new_record(id="after")])
    assert store.get("after").id == "after"
    store.close()


def test_a_transaction_that_fails_halfway_leaves_nothing(closed_gallery: Path) -> None:
    store = open_store(closed_gallery)

    def interrupted() -> None:
        with store._database.writing() as connection:
            connection.execute("DELETE FROM record")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store.count() == 200
    store.close()


def test_a_commit_waits_for_the_disk(closed_gallery: Path) -> None:
    full = 2
    database = Database(closed_gallery / DATABASE_NAME, create=False)
    with database.writing() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (full,)
    database.close()


def test_nothing_is_stored_into_a_gallery_whose_files_were_deleted(closed_gallery: Path) -> None:
    store = open_store(closed_gallery)
    store.check()
    shutil.rmtree(closed_gallery)
    with pytest.raises(GalleryDamaged, match="deleted or replaced"):
        store.check()
    with pytest.raises(GalleryDamaged, match="deleted or replaced"):
        store.add([new_record()])
    store.close()


def test_nothing_is_stored_into_a_gallery_that_was_replaced(closed_gallery: Path) -> None:
    store = open_store(closed_gallery)
    path = closed_gallery / DATABASE_NAME
    shutil.copy(path, closed_gallery / "copy")
    (closed_gallery / "copy").replace(path)
    with pytest.raises(GalleryDamaged, match="deleted or replaced"):
        store.add([new_record()])
    store.close()


def test_only_a_failed_write_says_that_nothing_was_stored(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    for writing in (True, False):
        with pytest.raises(GalleryUnwritable) as failed, translated_errors(path, writing=writing):
            sqlite3.connect(f"file:{tmp_path}/none?mode=ro", uri=True).execute("SELECT 1")
        assert ("Nothing of the last change was stored" in str(failed.value)) == writing


def test_a_place_without_write_ahead_log_is_refused(tmp_path: Path) -> None:
    # A database in memory has no log, as one on some network file systems has none.
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(GalleryUnwritable, match="local file system"),
    ):
        enter_wal(connection, tmp_path, patience=0)
