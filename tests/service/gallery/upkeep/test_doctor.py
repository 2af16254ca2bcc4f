"""The doctor finds damage of every kind, mends what can be mended and deletes no record."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.errors import UnknownRecord
from service.gallery.gallery import Gallery
from service.gallery.record import DamagedRecord
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.command import gallery as gallery_command
from service.gallery.upkeep.doctor import examine
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from vreid.modality import Modality


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    opened = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)
    opened.add(
        [
            new_record(seed, id=f"r{seed}", thumbnails={Modality.RGB: b"jpeg %d" % seed})
            for seed in range(5)
        ]
    )
    yield opened
    opened.close()


def execute(store: GalleryStore, statement: str) -> None:
    with store.database.writing() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute(statement)


def test_a_sound_gallery_has_no_findings(store: GalleryStore) -> None:
    examination = examine(store)
    assert (examination.records, examination.pictures, examination.findings) == (5, 5, ())
    assert examination.sound


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("UPDATE record SET checksum = checksum + 1 WHERE id = 'r2'", "checksum"),
        ("UPDATE record SET mask = 1 WHERE id = 'r2'", "bytes instead of"),
        ("UPDATE record SET mask = 9 WHERE id = 'r2'", "its mask is 9"),
        ("UPDATE record SET camera = CAST(x'ff41' AS TEXT) WHERE id = 'r2'", "surrogates"),
        ("UPDATE record SET attributes = '{' WHERE id = 'r2'", "property name"),
    ],
)
def test_a_damaged_record_is_moved_into_quarantine_with_the_reason(
    store: GalleryStore, damage: str, reason: str
) -> None:
    execute(store, damage)
    (finding,) = examine(store).findings
    assert (finding.kind, finding.subject, finding.repaired) == ("record", "r2", None)
    assert reason in finding.problem
    assert store.count() == 5, "looking changes nothing"

    repaired = examine(store, repair=True)
    assert repaired.sound
    with store.database.reading() as connection:
        ((record_id, told),) = connection.execute("SELECT id, reason FROM quarantine").fetchall()
    assert record_id == "r2"
    assert reason in told
    with pytest.raises(UnknownRecord):
        store.get("r2")
    assert store.changes_since(5)[0].record_sequence == 3
    assert examine(store).findings == ()


def test_a_damaged_thumbnail_is_moved_away_and_its_record_stays(store: GalleryStore) -> None:
    execute(store, "UPDATE picture SET jpeg = x'00' WHERE number = 4")
    (finding,) = examine(store).findings
    assert (finding.kind, finding.subject) == ("thumbnail", "r3 rgb")
    assert examine(store, repair=True).sound
    assert store.get("r3").id == "r3"
    assert store.thumbnail("r3", Modality.RGB) is None


def test_a_picture_that_nothing_shows_is_removed(store: GalleryStore) -> None:
    execute(
        store,
        "INSERT INTO picture (hash, jpeg) VALUES (sha(x'01'), x'01')".replace(
            "sha(x'01')", "x'4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a'"
        ),
    )
    (finding,) = examine(store, repair=True).findings
    assert finding.kind == "orphan"
    assert examine(store).pictures == 5


def test_an_index_of_the_database_is_built_again(store: GalleryStore) -> None:
    with store.database.writing() as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, '(content_hash)', '(camera)') "
            "WHERE name = 'record_content_hash'"
        )
    directory = store.path.parent
    store.close()
    damaged = GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)
    damaged.add([new_record(9, id="r9", content_hash="h", camera="c")])
    damaged.close()
    again = GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)
    with again.database.writing() as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, '(camera)', '(content_hash)') "
            "WHERE name = 'record_content_hash'"
        )
    again.close()
    examined = GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)
    assert {finding.kind for finding in examine(examined).findings} == {"database"}
    assert examine(examined, repair=True).sound
    assert examine(examined).findings == ()
    assert examined.known_content(["h"]) == {"h"}
    examined.close()


def test_a_copy_that_was_interrupted_is_found(store: GalleryStore, tmp_path: Path) -> None:
    (tmp_path / "gallery.sqlite3.schema-1.backup.partial").write_bytes(b"half")
    assert [each.kind for each in examine(store, repair=True).findings] == ["left over"]
    assert examine(store).sound


def test_damage_after_loading_stops_neither_listing_nor_searching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", FEATURE_SIZE)
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as gallery:
        gallery.add_all([new_record(seed, id=f"r{seed}") for seed in range(4)])
        other = GalleryStore.open_existing(tmp_path / "gallery")
        execute(other, "UPDATE record SET checksum = checksum + 1 WHERE id IN ('r1', 'r2')")
        query = new_record(1)
        found = gallery.search(query.features, query.mask, k=2)
        assert gallery.damaged >= 1
        assert "r1" not in {match.record.id for match in found}
        assert [record.id for record in gallery.page().records] == ["r0", "r3"]
        assert (gallery.damaged, gallery.count()) == (2, 2)
        assert "'r2'" in caplog.text
        listed = other.records_after(0, 10)
        assert [isinstance(each, DamagedRecord) for each in listed] == [False, True, True, False]
        other.close()


def test_the_commands_tell_and_repair(store: GalleryStore, tmp_path: Path) -> None:
    execute(store, "UPDATE record SET checksum = checksum + 1 WHERE id = 'r2'")
    runner = CliRunner()
    listed = runner.invoke(gallery_command, ["list", str(tmp_path), "--json"])
    assert listed.exit_code == 1
    lines = [json.loads(line) for line in listed.stdout.splitlines()]
    assert "checksum" in lines[2]["damaged"]
    assert len(lines) == 5
    assert runner.invoke(gallery_command, ["doctor", str(tmp_path)]).exit_code == 1
    repaired = runner.invoke(gallery_command, ["doctor", str(tmp_path), "--repair", "--json"])
    assert repaired.exit_code == 0
    assert json.loads(repaired.stdout)["quarantined"] == 1
    pruned = runner.invoke(gallery_command, ["prune", str(tmp_path), "--older-than", "1d"])
    assert (pruned.exit_code, pruned.stdout) == (0, "0 deleted\n")
    wrong = runner.invoke(gallery_command, ["prune", str(tmp_path), "--older-than", "soon"])
    assert "90d" in wrong.stderr
    for arguments in (
        ["backup", str(tmp_path), str(tmp_path / "copy")],
        ["restore", str(tmp_path / "copy"), "--gallery", str(tmp_path / "restored")],
        ["scrub", str(tmp_path / "restored")],
    ):
        assert runner.invoke(gallery_command, arguments).exit_code == 0
    assert runner.invoke(gallery_command, ["list", str(tmp_path / "restored")]).exit_code == 0
