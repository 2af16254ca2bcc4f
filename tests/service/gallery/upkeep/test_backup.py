"""Backups of a gallery in use, and what a restore refuses."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from service.errors import GalleryDamaged, GalleryNotFound, GalleryUnwritable
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.store.database import DATABASE_NAME
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.backup import MANIFEST_NAME, back_up, restore
from service.gallery.upkeep.command import gallery as gallery_command
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from tests.service.gallery.index_builders import filled_store, publish_segments
from tests.service.gallery.test_processes import start_adding
from vreid.modality import Modality


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of 20 records with thumbnails."""
    store = GalleryStore.open(tmp_path / "gallery", FINGERPRINT, FEATURE_SIZE)
    store.add(
        [
            new_record(seed, id=f"r{seed}", thumbnails={Modality.RGB: b"jpeg %d" % seed})
            for seed in range(20)
        ]
    )
    manifest = back_up(store, tmp_path / "backup")
    store.close()
    assert (manifest.records, manifest.pictures, manifest.last_sequence) == (20, 20, 20)
    return tmp_path / "backup"


def test_a_restored_gallery_has_everything(backup: Path, tmp_path: Path) -> None:
    restore(backup, tmp_path / "restored")
    store = GalleryStore.open(tmp_path / "restored", FINGERPRINT, FEATURE_SIZE)
    assert store.count() == 20
    assert np.array_equal(store.get("r7").features, new_record(7).features)
    assert store.thumbnail("r7", Modality.RGB) == b"jpeg 7"
    (added,) = store.add([new_record(id="after")])
    assert added.sequence == 21
    store.close()


def test_a_restored_gallery_is_another_one_with_the_same_records(
    backup: Path, tmp_path: Path
) -> None:
    ids = set()
    for name in ("first", "second"):
        restore(backup, tmp_path / name)
        assert [path.name for path in (tmp_path / name).iterdir()] == [DATABASE_NAME]
        restored = GalleryStore.open_existing(tmp_path / name)
        ids.add(restored.gallery_id)
        restored.close()
    original = GalleryStore.open_existing(tmp_path / "gallery")
    assert len(ids | {original.gallery_id}) == 3
    original.close()


def test_the_index_is_not_in_a_backup(tmp_path: Path) -> None:
    store = filled_store(tmp_path / "gallery")
    folder = SegmentFolder(store)
    publish_segments(store, folder, 50)
    back_up(store, tmp_path / "backup")
    folder.close()
    store.close()
    assert {path.name for path in (tmp_path / "backup").iterdir()} == {
        DATABASE_NAME,
        MANIFEST_NAME,
    }


def test_a_restore_that_was_killed_is_begun_again_in_the_same_directory(
    backup: Path, tmp_path: Path
) -> None:
    (tmp_path / "restored").mkdir()
    (tmp_path / "restored" / f"{DATABASE_NAME}.partial").write_bytes(b"half")
    (tmp_path / "restored" / f"{DATABASE_NAME}.partial-journal").write_bytes(b"half")
    restore(backup, tmp_path / "restored")
    assert [path.name for path in (tmp_path / "restored").iterdir()] == [DATABASE_NAME]


def test_a_backup_of_a_gallery_that_another_process_fills_is_one_moment(tmp_path: Path) -> None:
    process = start_adding(tmp_path / "gallery", "k", 100_000)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(5)]
    drain = threading.Thread(target=process.stdout.read)
    drain.start()
    store = GalleryStore.open(tmp_path / "gallery", FINGERPRINT, FEATURE_SIZE)
    back_up(store, tmp_path / "backup")
    store.close()
    process.kill()
    process.wait()
    drain.join()
    process.stdout.close()
    restore(tmp_path / "backup", tmp_path / "restored")
    restored = GalleryStore.open(tmp_path / "restored", FINGERPRINT, FEATURE_SIZE)
    ids = {each.id for each in restored.records_after(0, 1_000_000)}
    assert {each for line in lines for each in line.split()} <= ids
    assert len(ids) % 2 == 0, "the process adds two records in a transaction"
    restored.close()


def test_a_backup_names_what_is_damaged_in_the_gallery_and_is_kept(tmp_path: Path) -> None:
    store = GalleryStore.open(tmp_path / "gallery", FINGERPRINT, FEATURE_SIZE)
    record = new_record(1, id="crop", crops={Modality.RGB: b"kept image"})
    store.add([record, *(new_record(seed, id=f"r{seed}") for seed in (2, 3, 4))])
    store.add([new_record(5, id="shown", thumbnails={Modality.RGB: b"jpeg"})])
    with store.database.writing() as connection:
        ((features,),) = connection.execute("SELECT features FROM record WHERE id = 'r2'")
        flipped = bytes([features[0] ^ 1]) + features[1:]
        connection.execute("UPDATE record SET features = ? WHERE id = 'r2'", (flipped,))
        connection.execute("UPDATE record SET camera = CAST(x'ff41' AS TEXT) WHERE id = 'r3'")
        connection.execute("UPDATE picture SET jpeg = zeroblob(4)")
        connection.execute("UPDATE crop SET image = zeroblob(4)")
    store.close()
    arguments = ["backup", str(tmp_path / "gallery"), str(tmp_path / "backup")]
    told = CliRunner().invoke(gallery_command, arguments)
    assert told.exit_code == 1
    lines = told.stdout.splitlines()
    assert [line.split(": ")[:2] for line in lines[:-1]] == [
        ["record", "r2"],
        ["record", "r3"],
        ["thumbnail", "shown rgb"],
        ["crop", "crop rgb"],
    ]
    assert "checksum" in lines[0]
    assert "4 of them are damaged" in told.stderr
    manifest = restore(tmp_path / "backup", tmp_path / "restored")
    assert len(manifest.damaged) == 4
    restored = GalleryStore.open(tmp_path / "restored", FINGERPRINT, FEATURE_SIZE)
    assert np.array_equal(restored.get("r4").features, new_record(4).features)
    restored.close()


def test_a_backup_tells_damage_as_json(tmp_path: Path) -> None:
    store = GalleryStore.open(tmp_path / "gallery", FINGERPRINT, FEATURE_SIZE)
    store.add([new_record(1, id="r1")])
    store.close()

    def told(target: str) -> Result:
        arguments = ["backup", str(tmp_path / "gallery"), str(tmp_path / target), "--json"]
        return CliRunner().invoke(gallery_command, arguments)

    sound = told("sound")
    assert (sound.exit_code, json.loads(sound.stdout)["damaged"]) == (0, [])
    store = GalleryStore.open_existing(tmp_path / "gallery")
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET checksum = checksum + 1")
    store.close()
    damaged = told("damaged")
    assert damaged.exit_code == 1
    (finding,) = json.loads(damaged.stdout)["damaged"]
    assert (finding["kind"], finding["subject"]) == ("record", "r1")
    assert "checksum" in finding["problem"]


@pytest.mark.parametrize("name", [DATABASE_NAME, MANIFEST_NAME])
def test_a_damaged_file_is_named_and_nothing_is_restored(
    backup: Path, tmp_path: Path, name: str
) -> None:
    content = bytearray((backup / name).read_bytes())
    content[len(content) // 2 if name == DATABASE_NAME else 0] ^= 1
    (backup / name).write_bytes(content)
    with pytest.raises(GalleryDamaged, match=name):
        restore(backup, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_file_that_is_gone_is_named(backup: Path, tmp_path: Path) -> None:
    (backup / DATABASE_NAME).unlink()
    with pytest.raises(GalleryDamaged, match=DATABASE_NAME):
        restore(backup, tmp_path / "restored")


def test_a_manifest_that_names_other_files_is_refused(backup: Path, tmp_path: Path) -> None:
    path = backup / MANIFEST_NAME
    manifest = json.loads(path.read_text())
    manifest["files"] = {"../outside": {"bytes": 1, "sha256": ""}}
    path.write_text(json.dumps(manifest))
    with pytest.raises(GalleryDamaged, match="does not describe"):
        restore(backup, tmp_path / "restored")


def test_neither_a_backup_nor_a_restore_writes_over_anything(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(GalleryUnwritable, match="not empty"):
        restore(backup, tmp_path / "gallery")
    store = GalleryStore.open_existing(tmp_path / "gallery")
    with pytest.raises(GalleryUnwritable, match="not empty"):
        back_up(store, backup)
    store.close()


def test_a_directory_without_manifest_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(GalleryNotFound, match="vreid gallery backup"):
        restore(tmp_path, tmp_path / "restored")
