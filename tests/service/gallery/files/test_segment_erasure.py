"""What is deleted is in no index file either, whichever process deletes it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.gallery.files import segment_format
from service.gallery.files.segment_erasure import erase_rows
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.files.segment_format import OpenedFile, Table
from service.gallery.record import Labels
from service.gallery.store.deletion import Selection
from service.gallery.store.feed import FEED_KEPT, forget_deletions
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.doctor import examine
from tests.service.gallery.builders import new_record
from tests.service.gallery.index_builders import (
    arrays_of,
    bytes_of,
    open_store,
    publish_segments,
    read_whole,
    segment_paths,
    write_segment,
)


def traces_of(store: GalleryStore, sequences: Sequence[int], first: int, last: int) -> list[bytes]:
    """Vectors and codes of records, as the segment of a stretch holds them."""
    batch = read_whole(store, first, last)
    assert batch.features is not None
    arrays = arrays_of(batch)
    traces = []
    for row in np.flatnonzero(np.isin(batch.sequence, sequences)).tolist():
        traces += [vector.tobytes() for vector in batch.features[row] if vector.any()]
        for present in (0, 7):
            at = np.flatnonzero(arrays[f"codes/{present}/rows"] == row)
            traces += [code.tobytes() for code in arrays[f"codes/{present}/codes"][at]]
    return traces


def found_in(traces: Sequence[bytes], directory: Path) -> list[bytes]:
    content = bytes_of(directory)
    return [trace for trace in traces if trace in content]


def test_features_and_codes_are_in_no_file_when_the_call_returns(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 20, 50)
    gone = traces_of(store, [1, 7, 20], 0, 20) + traces_of(store, [35], 20, 50)
    kept = traces_of(store, [2, 6, 19], 0, 20) + traces_of(store, [36], 20, 50)
    assert found_in(gone, tmp_path) == gone
    store.delete(["r0", "r6", "r19", "r34"])
    assert found_in(gone, tmp_path) == []
    assert found_in(kept, tmp_path) == kept
    loaded = folder.load()
    assert loaded.problems == ()
    assert [len(each.contents.arrays["sequence"]) for each in loaded.segments] == [20, 30]


def test_another_process_erases_too(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    gone = traces_of(store, [8], 0, 50)
    start = "from vreid.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", start, "gallery", "delete", str(tmp_path), "r7"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert found_in(gone, tmp_path) == []


def test_a_segment_that_another_process_was_writing_is_erased_when_it_is_published(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    gone = traces_of(store, [8, 9], 0, 50)
    batch = read_whole(store)
    assert batch.features is not None
    with folder.begin() as writer:
        writer.add(batch.features, batch.mask)
        store.delete(["r7"])
        written = writer.finish(arrays_of(batch), 50)
    store.delete(["r8"])
    folder.publish([written], 50)
    assert found_in(gone, tmp_path) == []


def test_deletions_that_the_feed_has_forgotten_are_found_by_comparing(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    written = write_segment(store, folder)
    gone = traces_of(store, [8], 0, 50)
    hidden = segment_paths(tmp_path)[0].rename(tmp_path / "index" / "hidden")
    store.delete(["r7"])
    with store.database.writing() as connection:
        forget_deletions(connection, datetime.now(UTC) + FEED_KEPT)
    hidden.rename(tmp_path / "index" / str(written.name))
    folder.publish([written], 50)
    assert found_in(gone, tmp_path) == []
    assert len(found_in(traces_of(store, [9], 0, 50), tmp_path)) > 0


def test_what_a_relabelled_record_was_is_erased_before_the_record_is_deleted(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    gone = traces_of(store, [8], 0, 50)
    with_labels = open_store(tmp_path)
    with_labels.relabel("r7", Labels(identity="corrected"), None)
    # Another process deletes it, and never knew that it was relabelled.
    store.delete(["r7"])
    assert found_in(gone, tmp_path) == []
    with_labels.close()


def test_what_relabelled_records_were_is_erased_together_soon_after(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    gone = traces_of(store, [8, 9], 0, 50)
    store.relabel("r7", Labels(identity="corrected"), None)
    store.relabel("r8", Labels(identity="corrected"), None)
    assert found_in(gone, tmp_path / "index") == gone
    store.erase_remains()
    assert found_in(gone, tmp_path / "index") == []


def test_what_lies_in_quarantine_is_no_longer_in_the_index(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    gone = traces_of(store, [8], 0, 50)
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET checksum = checksum + 1 WHERE id = 'r7'")
    folder.close()
    examine(store, repair=True)
    store.delete(["r7"])
    assert found_in(gone, tmp_path) == []


def test_many_deletions_are_written_to_the_disk_together(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.gallery.store.store._DELETED_AT_ONCE", 5)
    publish_segments(store, folder, 20, 50)
    gone = traces_of(store, range(1, 21), 0, 20)
    synced = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store.delete_selected(Selection(seen_before=datetime.now(UTC) + timedelta(hours=1)))
    assert store.count() == 0
    assert found_in(gone, tmp_path) == []
    assert len(synced) == 2, "once for each file"


def test_erasing_goes_on_where_it_could_not_be_done(
    store: GalleryStore,
    folder: SegmentFolder,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish_segments(store, folder, 20, 50)
    gone = traces_of(store, [8], 0, 20)
    path = segment_paths(tmp_path)[0]
    content = path.read_bytes()
    # Permissions do not stop the superuser: a folder in its place does.
    path.unlink()
    path.mkdir()
    assert store.delete(["r7"]) == 1
    assert "trying again" in caplog.text
    path.rmdir()
    path.write_bytes(content)
    assert found_in(gone, tmp_path) != []
    store.erase_remains()
    assert found_in(gone, tmp_path) == []


def test_a_file_that_cannot_tell_where_its_rows_lie_is_removed(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 20, 50)
    first, second = segment_paths(tmp_path)
    first.write_bytes(first.read_bytes()[:-1])
    gone = traces_of(store, [8], 0, 20)
    store.delete(["r7"])
    assert segment_paths(tmp_path) == [second]
    assert found_in(gone, tmp_path) == []


def test_nothing_of_a_space_is_left_when_its_last_row_is_deleted(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    center = arrays_of(read_whole(store))["codes/7/center"].tobytes()
    complete = [f"r{seed}" for seed in range(50) if seed % 7 == 6]
    store.delete(complete[:-1])
    assert center in bytes_of(tmp_path)
    store.delete(complete[-1:])
    assert center not in bytes_of(tmp_path)
    (segment,) = folder.load().segments
    assert [name for name in segment.contents.arrays if name.startswith("codes/7")] == []
    assert "codes/0/codes" in segment.contents.arrays


@pytest.mark.parametrize("known", ["ahead", "of another gallery", "damaged"])
def test_a_database_that_was_put_back_by_an_older_copy_is_erased_from_the_index_too(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path, known: str
) -> None:
    publish_segments(store, folder, 20, 50)
    gone = traces_of(store, [8], 0, 20)
    store.close()
    folder.close()
    database = tmp_path / "gallery.sqlite3"
    older = database.read_bytes()
    with closing(open_store(tmp_path)) as later:
        for seed in range(5):
            later.add([new_record(100 + seed, id=f"x{seed}")])
            later.delete([f"x{seed}"])
        if known == "of another gallery":
            with later.database.writing() as connection:
                connection.execute("UPDATE meta SET value = 'other' WHERE key = 'gallery_id'")
            later.add([new_record(200, id="y")])
            later.delete(["y"])
    database.write_bytes(older)
    if known == "damaged":
        (tmp_path / "index" / "erased.json").write_bytes(b"[]")
    with closing(open_store(tmp_path)) as again:
        again.delete(["r7"])
        assert found_in(gone, tmp_path) == []
        assert len(segment_paths(tmp_path)) == 2


def test_a_new_file_of_a_history_that_was_given_up_is_erased(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    database = tmp_path / "gallery.sqlite3"
    store.close()
    older = database.read_bytes()
    with closing(open_store(tmp_path)) as later:
        later.add([new_record(100 + seed, id=f"x{seed}") for seed in range(5)])
        write_segment(later, folder, 0, 50)
        gone = traces_of(later, [8], 0, 50)
    database.write_bytes(older)
    with closing(open_store(tmp_path)) as again:
        again.delete(["r7"])
        assert found_in(gone, tmp_path) == []


def test_deleting_reads_only_the_files_that_may_hold_the_record(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_segments(store, folder, 10, 20, 30, 50)
    store.delete(["r3"])
    read = []

    def read_array(file: OpenedFile, path: Path, table: Table, name: str) -> NDArray[Any]:
        read.append(path)
        return segment_format.read_array(file, path, table, name)

    monkeypatch.setattr("service.gallery.files.segment_erasure.read_array", read_array)
    store.delete(["r24"])
    assert set(read) == {segment_paths(tmp_path)[2]}
    read.clear()
    store.add([new_record(60, id="newer")])
    store.delete(["newer"])
    assert read == []


def test_a_file_with_another_name_is_erased_too(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    gone = traces_of(store, [8], 0, 50)
    (path,) = segment_paths(tmp_path)
    path.rename(path.with_name("renamed.segment"))
    store.delete(["r7"])
    assert found_in(gone, tmp_path) == []


def test_erasing_twice_is_erasing_once(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    (path,) = segment_paths(tmp_path)
    assert erase_rows(path, np.array([3, 9, 400])) == 2
    content = path.read_bytes()
    assert erase_rows(path, np.array([3, 9, 400])) == 2
    assert path.read_bytes() == content


def test_labels_lie_in_no_index_file(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    assert b"vehicle 7" not in bytes_of(tmp_path / "index")
    assert b"vehicle 7" in bytes_of(tmp_path)


def test_a_gallery_without_an_index_is_not_given_one_by_a_deletion(tmp_path: Path) -> None:
    store = open_store(tmp_path / "plain")
    store.add([new_record(1, id="a")])
    store.delete(["a"])
    store.close()
    assert not (tmp_path / "plain" / "index").exists()
