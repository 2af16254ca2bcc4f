"""A start takes from the disk what the store confirms, and everything else from the store."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from service.gallery.files import loading, segment_format
from service.gallery.files.loading import LoadedGallery, LoadedSegment, load
from service.gallery.files.row_checksums import row_checksums
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.record import Labels
from service.gallery.store.bulk_reading import RecordBatch
from service.gallery.store.feed import FEED_KEPT, forget_deletions
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.backup import back_up, restore
from tests.service.gallery.builders import new_record
from tests.service.gallery.index_builders import (
    bytes_of,
    filled_store,
    open_store,
    publish_segments,
    read_whole,
    segment_paths,
    write_segment,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    opened = filled_store(tmp_path / "gallery")
    yield opened
    opened.close()


def found_records(loaded: LoadedGallery) -> dict[int, tuple[bytes, str | None]]:
    """Features and identity of all live rows by number; fails when two parts overlap."""
    found: dict[int, tuple[bytes, str | None]] = {}
    last = 0
    for part in loaded.parts():
        if isinstance(part, LoadedSegment):
            live, sequence = part.live, part.arrays["sequence"]
            features = part.features.rows(np.arange(len(live)))
            columns = list(part.columns())
            identities = [each for batch in columns for each in batch.identity]
            assert np.array_equal(np.concatenate([each.sequence for each in columns]), sequence)
            assert np.array_equal(
                np.concatenate([each.mask for each in columns]), part.arrays["mask"]
            )
        else:
            assert isinstance(part, RecordBatch)
            assert part.features is not None
            live, sequence = np.ones(len(part), np.bool_), part.sequence
            features, identities = part.features, list(part.identity)
        if len(sequence) == 0:
            continue
        assert sequence[0] > last
        last = int(sequence[-1])
        for row in np.flatnonzero(live).tolist():
            found[int(sequence[row])] = (features[row].tobytes(), identities[row])
    return found


def stored_records(store: GalleryStore) -> dict[int, tuple[bytes, str | None]]:
    batch = read_whole(store)
    assert batch.features is not None
    return {
        int(number): (batch.features[row].tobytes(), batch.identity[row])
        for row, number in enumerate(batch.sequence)
    }


def kinds(loaded: LoadedGallery) -> list[tuple[str, int, int]]:
    return [
        ("segment", part.stored.first, part.stored.last)
        if isinstance(part, LoadedSegment)
        else ("records", int(part.sequence[0]), int(part.sequence[-1]))
        for part in loaded.parts()
    ]


def _do_around(
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    *,
    before: Callable[[], None] | None = None,
    after: Callable[[], None] | None = None,
) -> None:
    """Do something before or after each call of a function, as another process may."""
    really = getattr(owner, name)

    def called(*arguments: object) -> object:
        if before is not None:
            before()
        result = really(*arguments)
        if after is not None:
            after()
        return result

    monkeypatch.setattr(owner, name, called)


def test_without_an_index_everything_comes_from_the_store(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    loaded = load(store, folder)
    assert (loaded.sequence, loaded.problems) == (50, ())
    assert kinds(loaded) == [("records", 1, 50)]
    assert found_records(loaded) == stored_records(store)


def test_segments_are_taken_and_what_is_newer_comes_from_the_store(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    publish_segments(store, folder, 20, 50)
    store.add([new_record(77, id="newer", identity="newer")])
    loaded = load(store, folder)
    assert kinds(loaded) == [("segment", 1, 20), ("segment", 21, 50), ("records", 51, 51)]
    assert found_records(load(store, folder)) == stored_records(store)


def test_deleted_and_relabelled_records_are_dead_without_the_feed(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    publish_segments(store, folder, 20, 50)
    store.delete(["r3", "r30", "r49"])
    store.relabel("r8", Labels(identity="corrected"), None)
    with store.database.writing() as connection:
        forget_deletions(connection, datetime.now(UTC) + FEED_KEPT)
    loaded = load(store, folder)
    assert loaded.problems == ()
    assert loaded.feed_floor == store.feed_floor()
    found = found_records(loaded)
    assert found == stored_records(store)
    assert found[max(found)][1] == "corrected"
    first = loaded.segments[0]
    assert np.flatnonzero(~first.live).tolist() == [3, 8]


def test_what_could_not_be_erased_before_is_erased_at_the_start(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    features = read_whole(store).features
    assert features is not None
    (path,) = segment_paths(tmp_path / "gallery")
    content = path.read_bytes()
    store.delete(["r6"])
    # As if the process had died between the commit and the erasing, long ago.
    path.write_bytes(content)
    with store.database.writing() as connection:
        forget_deletions(connection, datetime.now(UTC) + FEED_KEPT)
    assert features[6].tobytes() in bytes_of(tmp_path)
    assert found_records(load(store, folder)) == stored_records(store)
    assert features[6, 0].tobytes() not in bytes_of(tmp_path)


@pytest.mark.parametrize("damage", ["cut short", "flipped", "gone", "lost codes"])
def test_the_records_of_a_damaged_segment_are_read_from_the_store(
    store: GalleryStore,
    folder: SegmentFolder,
    tmp_path: Path,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish_segments(store, folder, 10, 30, 50)
    path = segment_paths(tmp_path / "gallery")[1]
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "cut short":
        os.truncate(path, len(content) - 100)
    else:
        arrays = folder.load().segments[1].contents.arrays
        codes = arrays["codes/0/codes"].tobytes()
        at = content.index(codes)
        content[at : at + 11] = bytes(11) if damage == "lost codes" else b"x" * 11
        if damage == "lost codes":
            # A block of zeros is what a broken disk returns; it has the right checksum.
            at = content.index(row_checksums(arrays["codes/0/codes"]).tobytes())
            content[at : at + 4] = bytes(4)
        path.write_bytes(content)
    assert kinds(load(store, folder)) == [
        ("segment", 1, 10),
        ("records", 11, 30),
        ("segment", 31, 50),
    ]
    assert found_records(load(store, folder)) == stored_records(store)
    assert path.name in caplog.text


def test_what_a_killed_process_left_is_removed_at_the_start(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 20)
    write_segment(store, folder, 20, 50)
    (tmp_path / "gallery" / "index" / "0abc.segment.partial").write_bytes(b"half a segment")
    load(store, folder)
    assert len(segment_paths(tmp_path / "gallery")) == 1
    assert not list((tmp_path / "gallery" / "index").glob("*.partial"))


def test_codes_of_a_deleted_record_may_be_anything(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    publish_segments(store, folder, 50)
    store.delete(["r6"])
    assert load(store, folder).problems == ()


def test_a_record_that_cannot_be_read_does_not_cost_its_segment(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET checksum = checksum + 1 WHERE id = 'r6'")
    publish_segments(store, folder, 50)
    loaded = load(store, folder)
    assert kinds(loaded) == [("segment", 1, 50)]
    assert [each.id for each in loaded.damaged] == ["r6"]
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET checksum = checksum - 1 WHERE id = 'r6'")
    mended = load(store, folder)
    assert "lacks records" in mended.problems[0]
    assert found_records(mended) == stored_records(store)


@pytest.mark.parametrize(
    "moment", ["SegmentFolder.load", "read_numbers", "after read_numbers", "read_array"]
)
def test_what_another_process_deletes_during_the_start_costs_no_segment(
    store: GalleryStore,
    folder: SegmentFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    publish_segments(store, folder, 20, 50)
    other = open_store(tmp_path / "gallery")
    waiting = [f"r{seed}" for seed in range(49)]

    def deletes() -> None:
        if waiting:
            other.delete([waiting.pop()])

    if moment == "SegmentFolder.load":
        _do_around(monkeypatch, SegmentFolder, "load", before=deletes)
    elif moment == "read_array":
        _do_around(monkeypatch, segment_format, "read_array", before=deletes)
    elif moment == "read_numbers":
        _do_around(monkeypatch, loading, "read_numbers", before=deletes)
    else:
        _do_around(monkeypatch, loading, "read_numbers", after=deletes)
    loaded = load(store, folder)
    monkeypatch.undo()
    assert len(waiting) < 49
    assert loaded.problems == ()
    assert [kind for kind, _, _ in kinds(loaded)] == ["segment", "segment"]
    assert {*stored_records(store)} <= {*found_records(load(store, folder))}
    other.close()


def test_what_another_process_publishes_during_the_start_is_taken(
    store: GalleryStore, folder: SegmentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_segments(store, folder, 20, 50)
    reading = SegmentFolder(store)
    assert not reading.is_writer

    def publishes() -> None:
        store.delete(["r13"])
        store.add([new_record(60, id="newer")])
        publish_segments(store, folder, store.last_sequence())

    _do_around(monkeypatch, SegmentFolder, "load", before=publishes)
    loaded = load(store, reading)
    assert loaded.problems == ()
    assert kinds(loaded) == [("segment", 1, 52)]
    monkeypatch.undo()
    assert found_records(load(store, reading)) == stored_records(store)
    reading.close()


def test_an_index_of_a_later_state_than_the_database_is_not_taken(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    store.close()
    folder.close()
    old = (tmp_path / "gallery" / "gallery.sqlite3").read_bytes()
    later = open_store(tmp_path / "gallery")
    later.add([new_record(60, id="later")])
    with_index = SegmentFolder(later)
    publish_segments(later, with_index, 51)
    with_index.close()
    later.close()
    (tmp_path / "gallery" / "gallery.sqlite3").write_bytes(old)
    again = open_store(tmp_path / "gallery")
    again_folder = SegmentFolder(again)
    loaded = load(again, again_folder)
    assert "later state" in loaded.problems[0]
    assert found_records(loaded) == stored_records(again)
    again_folder.close()
    again.close()


def test_a_restored_gallery_does_not_take_an_index_that_lay_there(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    back_up(store, tmp_path / "backup")
    store.delete(["r49"])
    store.add([new_record(90, id="r49", identity="another vehicle")])
    publish_segments(store, folder, store.last_sequence())
    restore(tmp_path / "backup", tmp_path / "restored")
    assert not (tmp_path / "restored" / "index").exists()
    (tmp_path / "gallery" / "index").rename(tmp_path / "restored" / "index")
    restored = open_store(tmp_path / "restored")
    restored_folder = SegmentFolder(restored)
    loaded = load(restored, restored_folder)
    assert "another gallery" in loaded.problems[0]
    assert found_records(loaded) == stored_records(restored)
    assert restored.gallery_id != store.gallery_id
    restored_folder.close()
    restored.close()


def test_a_record_that_is_deleted_while_the_parts_are_read_comes_as_a_dead_row_at_most(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    publish_segments(store, folder, 50)
    loaded = load(store, folder)
    store.delete(["r0", "r20", "r49"])
    (segment,) = loaded.parts()
    assert isinstance(segment, LoadedSegment)
    identities = [each for batch in segment.columns() for each in batch.identity]
    assert len(identities) == 50
    assert [identities[row] for row in (0, 1, 20, 49)] == [None, "vehicle 1", None, None]
