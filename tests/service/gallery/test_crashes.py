"""kill -9 at any moment: what was acknowledged is there, what was deleted does not come back."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from service.errors import GalleryNotFound
from service.gallery.store.database import DATABASE_NAME, Database
from service.gallery.store.migrations import STEPS
from service.gallery.store.schema import SCHEMA_VERSION, prepare
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.backup import read_backup, restore
from service.gallery.upkeep.doctor import examine
from tests.service.gallery.builders import MASKS, new_record
from tests.service.gallery.index_builders import bytes_of, filled_store, open_store, segment_paths
from tests.service.gallery.killed_processes import run_and_kill
from tests.service.gallery.old_schema import write_old_gallery
from tests.service.gallery.sealing_process import (
    copy_and_restore,
    enrol_and_delete,
    migrate,
    opened_gallery,
)

ROUNDS = 8


class Expected:
    """What must and what must not be in a gallery after what its processes said."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.gone: set[str] = set()
        self.unknown: set[str] = set()

    def note(self, said: list[list[str]]) -> None:
        for what, *ids in said:
            if what == "added":
                self.present |= set(ids)
            elif what == "deleting":
                self.present -= set(ids)
                self.unknown |= set(ids)
            elif what == "deleted":
                self.unknown -= set(ids)
                self.gone |= set(ids)

    def check(self, ids: set[str]) -> None:
        assert self.present <= ids, "what was acknowledged is there"
        assert not self.gone & ids, "what was deleted is not back"


def features_by_id(store: GalleryStore) -> dict[str, bytes]:
    with store.database.reading() as connection:
        return dict(connection.execute("SELECT id, features FROM record").fetchall())


def ids_of(store: GalleryStore) -> set[str]:
    return {record.id for record in store.all_records()}


def check_index(directory: Path) -> None:
    """A start finds what the store holds, and leaves nothing to complain about."""
    with opened_gallery(directory) as gallery:
        assert gallery.live_sequences() == [each.sequence for each in gallery.store.all_records()]
        assert not gallery.loaded.problems
        assert examine(gallery.store).findings == ()


def test_kill_9_while_enrolling_deleting_sealing_and_merging(tmp_path: Path) -> None:
    expected, features = Expected(), dict[str, bytes]()
    delays = random.Random(1)
    for number in range(ROUNDS):
        said = run_and_kill(
            enrol_and_delete,
            tmp_path,
            f"round{number}",
            number,
            messages=delays.randrange(5, 60),
            delay=delays.random() * 0.05,
        )
        expected.note(said)
        store = open_store(tmp_path)
        expected.check(ids_of(store))
        assert {each.kind for each in examine(store).findings} <= {"index"}
        features |= features_by_id(store)
        store.close()
        check_index(tmp_path)
    assert segment_paths(tmp_path)
    content = bytes_of(tmp_path)
    kept = ids_of(store := open_store(tmp_path))
    store.close()
    came_and_went = [each for each in features if each in expected.gone]
    assert [each for each in came_and_went if features[each] in content] == []
    assert [each for each in expected.gone if f"vehicle of {each}".encode() in content] == []
    assert all(features[each] in content for each in kept if each in features)


def test_two_processes_that_are_killed_in_turn_leave_one_sound_index(tmp_path: Path) -> None:
    expected = Expected()
    with opened_gallery(tmp_path) as gallery:
        for number in range(4):
            said = run_and_kill(
                enrol_and_delete, tmp_path, f"k{number}", number, messages=40, delay=0.01
            )
            expected.note(said)
            gallery.follower.follow()
            while gallery.index.step():
                pass
            sequences = [each.sequence for each in gallery.store.all_records()]
            assert gallery.live_sequences() == sequences
            expected.check(ids_of(gallery.store))
        assert examine(gallery.store).findings == ()
    check_index(tmp_path)


def test_kill_9_in_a_backup_or_a_restore_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    store = filled_store(tmp_path / "gallery", 400)
    store.close()
    delays = random.Random(2)
    complete = 0
    for number in range(ROUNDS):
        run_and_kill(
            copy_and_restore,
            tmp_path / "gallery",
            tmp_path,
            number,
            messages=delays.randrange(1, 4),
            delay=delays.random() * 0.03,
        )
    for backup in sorted(tmp_path.glob("backup-*")):
        try:
            manifest = read_backup(backup)
        except GalleryNotFound:
            continue
        complete += 1
        assert manifest.records == 400
        target = tmp_path / backup.name.replace("backup", "restored")
        if not (target / DATABASE_NAME).exists():
            restore(backup, target)
        restored = GalleryStore.open_existing(target)
        assert restored.count() == 400
        assert examine(restored).findings == ()
        restored.close()
    assert complete
    again = open_store(tmp_path / "gallery")
    assert again.count() == 400
    assert examine(again).findings == ()
    again.close()


def write_gallery_of_schema_2(directory: Path, records: int) -> None:
    write_old_gallery(
        directory,
        [
            new_record(seed, mask=MASKS[seed % 7], id=f"r{seed}", camera=f"{seed % 5}")
            for seed in range(records)
        ],
    )
    database = Database(directory / DATABASE_NAME, create=False)
    prepare(database, None, STEPS[:2])
    database.close()
    (directory / f"{DATABASE_NAME}.schema-1.backup").unlink()


def test_kill_9_in_a_migration_from_schema_2_leaves_the_old_gallery_or_the_new_one(
    tmp_path: Path,
) -> None:
    write_gallery_of_schema_2(tmp_path / "old", 1500)
    delays = random.Random(3)
    versions = set()
    for number in range(ROUNDS):
        directory = tmp_path / str(number)
        shutil.copytree(tmp_path / "old", directory)
        run_and_kill(migrate, directory, messages=1, delay=0.04 * delays.random())
        with closing(sqlite3.connect(directory / DATABASE_NAME)) as connection:
            versions.add(int(connection.execute("PRAGMA user_version").fetchone()[0]))
        check_index(directory)
        store = open_store(directory)
        assert store.count() == 1500
        assert np.array_equal(store.get("r700").features[0], new_record(700).features[0])
        store.close()
        shutil.rmtree(directory)
    assert versions <= set(range(2, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("damage", ["page", "log"])
def test_damage_of_the_database_is_reported_and_the_index_is_not_believed(
    tmp_path: Path, damage: str
) -> None:
    with opened_gallery(tmp_path) as gallery:
        gallery.store.add([new_record(seed, id=f"r{seed}") for seed in range(64)])
        gallery.follower.follow()
        while gallery.index.step():
            pass
        gallery.store.add([new_record(100 + seed, id=f"s{seed}") for seed in range(64)])
        if damage == "log":
            log = tmp_path / f"{DATABASE_NAME}-wal"
            copied = {path.name: path.read_bytes() for path in (tmp_path / DATABASE_NAME, log)}
    if damage == "log":
        # As after a power cut that tore the log in the middle: what it held is not complete.
        content = copied[log.name]
        (tmp_path / DATABASE_NAME).write_bytes(copied[DATABASE_NAME])
        log.write_bytes(content[: len(content) // 2])
    else:
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
            connection.execute("UPDATE record SET checksum = checksum + 1 WHERE id = 'r3'")
            connection.commit()
    with opened_gallery(tmp_path) as gallery:
        found = set(gallery.live_sequences())
        readable = {
            each.sequence
            for each in gallery.store.records_after(0, 1000)
            if each.sequence not in {bad.sequence for bad in gallery.loaded.damaged}
        }
        assert found == readable
        if damage == "page":
            assert [each.id for each in gallery.loaded.damaged] == ["r3"]
            assert "other features" in gallery.loaded.problems[0]
            assert len(found) == 127
