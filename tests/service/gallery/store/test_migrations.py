"""Galleries of older schemas, and what a migration leaves when it is interrupted."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from service.errors import GalleryLocked, GalleryUnsupported
from service.gallery.store.database import DATABASE_NAME, Database
from service.gallery.store.migrations import STEPS
from service.gallery.store.schema import SCHEMA_VERSION, migration_backup, prepare
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from tests.service.gallery.old_schema import write_old_gallery
from vreid.modality import Modality


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def open_store(directory: Path) -> GalleryStore:
    return GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)


def test_a_gallery_of_the_first_schema_opens_with_everything_in_it(tmp_path: Path) -> None:
    shared = {Modality.RGB: b"the same picture", Modality.TIR: b"another picture"}
    records = [
        new_record(seed, id=f"r{seed}", camera="2", content_hash=f"h{seed}", thumbnails=shared)
        for seed in range(4)
    ]
    write_old_gallery(tmp_path, records, deleted=1)
    store = open_store(tmp_path)
    assert store.count() == 3
    for seed in range(1, 4):
        record = store.get(f"r{seed}")
        assert np.array_equal(record.features, new_record(seed).features)
        assert (record.camera, record.sequence) == ("2", seed + 1)
        assert store.thumbnail(record.id, Modality.RGB) == b"the same picture"
        assert store.thumbnail(record.id, Modality.NIR) is None
    assert store.known_content(["h0", "h1"]) == {"h1"}
    changes = store.changes_since(0)
    assert [(each.sequence, each.kind) for each in changes] == [
        (2, "add"),
        (3, "add"),
        (4, "add"),
        (5, "delete"),
    ]
    (added,) = store.add([new_record(9)])
    assert added.sequence == 6
    store.close()


def test_the_old_gallery_is_kept_beside_the_migrated_one(tmp_path: Path) -> None:
    write_old_gallery(tmp_path, [new_record(1, id="a")])
    open_store(tmp_path).close()
    backup = migration_backup(tmp_path, 1)
    assert version_of(tmp_path / DATABASE_NAME) == SCHEMA_VERSION
    assert version_of(backup) == 1
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT id FROM record").fetchall() == [("a",)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [DATABASE_NAME, backup.name]


def test_a_new_gallery_needs_no_backup(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    assert [path.name for path in tmp_path.iterdir()] == [DATABASE_NAME]


def test_steps_run_in_order_and_one_that_fails_leaves_the_version_before_it(
    tmp_path: Path,
) -> None:
    write_old_gallery(tmp_path, [new_record(1, id="a")])
    database = Database(tmp_path / DATABASE_NAME, create=False)

    def third(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE third (picture INTEGER REFERENCES picture (number))")

    def failing(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE third")
        raise RuntimeError("an error in the step")

    with pytest.raises(RuntimeError, match="in the step"):
        prepare(database, None, (*STEPS, third, failing))
    with database.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)
        assert connection.execute("SELECT count(*) FROM third").fetchone() == (0,)
        assert connection.execute("SELECT id FROM record").fetchone() == ("a",)
    database.close()
    with pytest.raises(GalleryUnsupported, match="newer vreid"):
        open_store(tmp_path)


def failing(connection: sqlite3.Connection) -> None:
    raise RuntimeError("an error in the step")


def nothing(connection: sqlite3.Connection) -> None:
    pass


def copies_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.backup"))


def test_a_migration_that_goes_on_between_two_steps_makes_no_second_copy(tmp_path: Path) -> None:
    write_old_gallery(tmp_path, [new_record(1, id="a")])
    with closing(Database(tmp_path / DATABASE_NAME, create=False)) as database:
        with pytest.raises(RuntimeError):
            prepare(database, None, (*STEPS[:2], failing))
        assert version_of(tmp_path / DATABASE_NAME) == 2
        prepare(database, None)
        assert copies_in(tmp_path) == [migration_backup(tmp_path, 1).name]
        # The next migration is another one, and has a copy of its own.
        prepare(database, None, (*STEPS, nothing))
    newest = migration_backup(tmp_path, SCHEMA_VERSION).name
    assert copies_in(tmp_path) == [migration_backup(tmp_path, 1).name, newest]


def test_a_migration_that_goes_on_copies_what_there_is_when_its_copy_is_gone(
    tmp_path: Path,
) -> None:
    write_old_gallery(tmp_path, [new_record(1, id="a")])
    with closing(Database(tmp_path / DATABASE_NAME, create=False)) as database:
        with pytest.raises(RuntimeError):
            prepare(database, None, (*STEPS[:2], failing))
        migration_backup(tmp_path, 1).unlink()
        prepare(database, None)
    assert copies_in(tmp_path) == [migration_backup(tmp_path, 2).name]
    assert version_of(migration_backup(tmp_path, 2)) == 2


def test_who_comes_during_a_migration_is_told_of_it(tmp_path: Path) -> None:
    write_old_gallery(tmp_path, [new_record(1, id="a")])
    path = tmp_path / DATABASE_NAME
    with (
        closing(Database(path, create=False)) as migrating,
        migrating.writing(),
        pytest.raises(GalleryLocked, match=r"schema 1 .* migrat"),
    ):
        GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE, lock_timeout=0.01)


def test_a_deletion_migrates_a_generation_that_is_not_served_without_a_copy(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    store.add([new_record(1, id="a"), new_record(2, id="b")])
    other = tmp_path / "generations" / "other"
    write_old_gallery(other, [new_record(1, id="a"), new_record(2, id="b")])
    assert store.delete(["a"]) == 1
    store.close()
    assert version_of(other / DATABASE_NAME) == SCHEMA_VERSION
    assert copies_in(other) == []
    with closing(sqlite3.connect(other / DATABASE_NAME)) as connection:
        assert connection.execute("SELECT id FROM record").fetchall() == [("b",)]


@pytest.mark.parametrize("attempt", range(3))
def test_kill_9_in_a_migration_leaves_the_old_gallery_or_the_new_one(
    tmp_path: Path, attempt: int
) -> None:
    thumbnails = {Modality.RGB: b"x" * 20_000}
    records = [
        new_record(seed, id=f"r{seed}", thumbnails={Modality.RGB: b"%d" % seed * 5000})
        for seed in range(400)
    ]
    write_old_gallery(tmp_path, [*records, new_record(900, id="r900", thumbnails=thumbnails)])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.service.gallery.old_schema", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "opening\n"
        time.sleep(0.01 + 0.03 * attempt)
        process.kill()
    assert version_of(tmp_path / DATABASE_NAME) in range(1, SCHEMA_VERSION + 1)
    store = open_store(tmp_path)
    assert store.count() == 401
    assert store.thumbnail("r900", Modality.RGB) == b"x" * 20_000
    for seed in range(0, 400, 50):
        assert np.array_equal(store.get(f"r{seed}").features, new_record(seed).features)
        assert store.thumbnail(f"r{seed}", Modality.RGB) == b"%d" % seed * 5000
    with store.database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store.close()
