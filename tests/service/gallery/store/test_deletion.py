"""What is deleted leaves no byte behind, by id, by age or with its quarantine."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.gallery.store.deletion import Selection
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.doctor import examine
from service.gallery.upkeep.retention import RetentionThread, expired, parse_age
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from vreid.modality import Modality

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def open_store(directory: Path) -> GalleryStore:
    return GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)


def bytes_of(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def thumbnail(seed: int) -> bytes:
    return random.Random(seed).randbytes(3000)


def test_vector_thumbnail_and_labels_are_in_no_file_while_the_gallery_stays_open(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    secret = new_record(
        1,
        id="a",
        identity="B-XY 123",
        camera="secret camera",
        attributes={"driver": "somebody"},
        images_hash="f" * 64,
        thumbnails={Modality.RGB: thumbnail(1)},
    )
    store.add([new_record(seed, thumbnails={Modality.RGB: thumbnail(seed)}) for seed in (2, 3)])
    store.add([secret])
    traces = (
        secret.features.tobytes(),
        thumbnail(1),
        b"B-XY 123",
        b"secret camera",
        b"somebody",
        b"f" * 64,
    )
    assert all(trace in bytes_of(tmp_path) for trace in traces)
    store.delete(["a"])
    assert [trace for trace in traces if trace in bytes_of(tmp_path)] == []
    assert thumbnail(2) in bytes_of(tmp_path)
    store.close()


def test_a_thumbnail_is_kept_as_long_as_a_record_shows_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    shared = {Modality.RGB: thumbnail(1)}
    store.add([new_record(1, id="a", thumbnails=shared), new_record(2, id="b", thumbnails=shared)])
    assert bytes_of(tmp_path).count(thumbnail(1)[100:200]) >= 1
    store.delete(["a"])
    assert store.thumbnail("b", Modality.RGB) == thumbnail(1)
    store.delete(["b"])
    assert thumbnail(1)[100:200] not in bytes_of(tmp_path)
    store.close()


def test_a_log_that_a_reader_kept_is_erased_afterwards(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    secret = new_record(1, id="a", identity="B-XY 123")
    store.add([secret])
    with store.database.reading() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchone()
        store.delete(["a"])
        assert b"B-XY 123" in bytes_of(tmp_path)
    store.erase_remains()
    assert b"B-XY 123" not in bytes_of(tmp_path)
    store.close()


def test_scrubbing_leaves_no_id_of_deleted_records(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    generator = random.Random(4)
    ids = [f"plate-{generator.randrange(10**9):09d}" for _ in range(600)]
    store.add([new_record(seed, id=each) for seed, each in enumerate(ids)])
    store.delete(ids[::2])
    store.scrub()
    content = bytes_of(tmp_path)
    assert [each for each in ids[::2] if each.encode() in content] == []
    assert ids[1].encode() in content
    assert store.count() == 300
    store.close()


def test_what_lies_in_quarantine_is_deleted_by_its_id(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    secret = new_record(1, id="a", identity="B-XY 123", thumbnails={Modality.RGB: thumbnail(1)})
    store.add([secret])
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET checksum = checksum + 1")
    assert examine(store, repair=True).quarantined == 1
    assert store.delete(["a"]) == 1
    content = bytes_of(tmp_path)
    assert b"B-XY 123" not in content
    assert thumbnail(1) not in content
    store.close()


def fill(store: GalleryStore) -> None:
    """Records of two cameras, seen 10, 40 and 100 days ago, and one without a time."""
    store.add(
        [
            new_record(age, id=f"{camera}-{age}", camera=camera, captured_at=NOW - timedelta(age))
            for camera in "xy"
            for age in (10, 40, 100)
        ]
    )
    store.add([new_record(7, id="untimed")])


def test_selected_records_are_deleted_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.gallery.store.store._DELETED_AT_ONCE", 2)
    store = open_store(tmp_path)
    fill(store)
    old = Selection(seen_before=NOW - timedelta(30))
    assert store.count_selected(old) == 4
    assert store.delete_selected(old) == 4
    assert {each.id for each in store.records_after(0, 100)} == {"x-10", "y-10", "untimed"}
    store.close()


def test_each_camera_has_its_own_retention_and_the_star_is_for_the_others(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    fill(store)
    rules = {"x": parse_age("5d"), "*": parse_age("50d")}
    for selection in expired(rules, NOW):
        store.delete_selected(selection)
    assert {each.id for each in store.records_after(0, 100)} == {"y-10", "y-40", "untimed"}
    store.close()


def test_retention_goes_on_in_the_background_until_it_is_stopped(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    fill(store)
    thread = RetentionThread(store.delete_selected, {"*": parse_age("1d")}, interval=0.01)
    thread.start()
    while store.count() > 1:
        pass
    store.add([new_record(1, id="late", captured_at=NOW)])
    while store.count() > 1:
        pass
    thread.stop()
    assert [each.id for each in store.records_after(0, 100)] == ["untimed"]
    store.close()


@pytest.mark.parametrize("age", ["", "90", "d", "-1d", "0d", "1.5d", "2 weeks"])
def test_an_age_that_is_none_is_refused_with_an_example(age: str) -> None:
    with pytest.raises(ValueError, match="90d"):
        parse_age(age)
