"""The folder of segment files: written whole, listed as a whole, and read with suspicion."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from service.errors import GalleryDamaged, GalleryUnwritable
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.files.segment_format import read_segment
from service.gallery.files.segment_list import sealed
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE
from tests.service.gallery.index_builders import (
    arrays_of,
    publish_segments,
    read_whole,
    segment_paths,
    write_segment,
)


def test_published_segments_are_loaded_as_they_were_written(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    publish_segments(store, folder, 20, 50)
    found = folder.load()
    assert (found.sequence, found.problems) == (50, ())
    for segment, (after, last) in zip(found.segments, ((0, 20), (20, 50)), strict=True):
        batch = read_whole(store, after, last)
        written = arrays_of(batch)
        assert segment.contents.arrays.keys() == written.keys()
        for name, array in written.items():
            assert np.array_equal(segment.contents.arrays[name], array), name
            assert segment.contents.arrays[name].dtype == array.dtype
        assert batch.features is not None
        assert np.array_equal(segment.stored.features.rows(np.arange(last - after)), batch.features)
        assert (segment.stored.first, segment.stored.last) == (after + 1, last)


def test_what_was_not_published_is_not_loaded_and_removed_by_the_next_writer(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 20)
    write_segment(store, folder, 20, 50)
    (tmp_path / "index" / "0abc.segment.partial").write_bytes(b"half a segment")
    assert [each.stored.last for each in folder.load().segments] == [20]
    folder.remove_unlisted()
    assert [path.name[:12] for path in segment_paths(tmp_path)] == ["000000000001"]
    assert not list((tmp_path / "index").glob("*.partial"))


def test_files_that_a_new_list_does_not_name_are_removed_and_stay_readable(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    old = publish_segments(store, folder, 20, 50)
    publish_segments(store, folder, 50)
    assert len(segment_paths(tmp_path)) == 1
    features = read_whole(store, 0, 20).features
    assert features is not None
    assert np.array_equal(old[0].features.rows(np.arange(20)), features)


def test_features_can_be_read_while_the_segment_is_being_written(
    store: GalleryStore, folder: SegmentFolder
) -> None:
    batch = read_whole(store)
    assert batch.features is not None
    with folder.begin() as writer:
        for first in range(0, 50, 20):
            part = slice(first, first + 20)
            writer.add(batch.features[part], batch.mask[part])
        assert np.array_equal(writer.features().rows(np.arange(50)), batch.features)


def test_a_segment_that_is_abandoned_leaves_no_file(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    batch = read_whole(store)
    assert batch.features is not None
    with folder.begin() as writer:
        writer.add(batch.features, batch.mask)
        assert len(list((tmp_path / "index").iterdir())) == 1
    assert list((tmp_path / "index").iterdir()) == []


def test_a_second_process_writes_nothing_but_files_without_a_name(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 20)
    second = SegmentFolder(store)
    assert (folder.is_writer, second.is_writer) == (True, False)
    before = sorted((tmp_path / "index").iterdir())
    private = write_segment(store, second, 20, 50)
    assert private.name is None
    features = read_whole(store, 20, 50).features
    assert features is not None
    assert np.array_equal(private.features.rows(np.arange(30)), features)
    second.publish([private], 50)
    second.remove_unlisted()
    assert sorted((tmp_path / "index").iterdir()) == before
    assert [each.stored.last for each in second.load().segments] == [20]
    folder.close()
    third = SegmentFolder(store)
    assert third.is_writer
    third.close()


def test_a_process_that_came_second_writes_when_the_first_is_gone(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 10, 20)
    second = SegmentFolder(store)
    old = [each.stored for each in second.load().segments]
    private = write_segment(store, second, 20, 30)
    publish_segments(store, folder, 20)
    folder.close()
    own = write_segment(store, second, 30, 50)
    assert own.name is not None
    assert second.is_writer
    second.publish([*old, private, own], 50)
    assert [path.name for path in segment_paths(tmp_path)] == [own.name]
    found = second.load()
    assert found.problems == ()
    assert [(each.stored.first, each.stored.last) for each in found.segments] == [(31, 50)]
    second.close()


def test_an_index_of_another_gallery_is_not_taken(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    with store.database.writing() as connection:
        connection.execute("UPDATE meta SET value = 'another' WHERE key = 'gallery_id'")
    folder.close()
    other = SegmentFolder(store)
    found = other.load()
    assert found.segments == ()
    assert "another gallery" in found.problems[0]
    (path,) = segment_paths(tmp_path)
    with pytest.raises(GalleryDamaged, match="another gallery"):
        read_segment(path, "another", FEATURE_SIZE)
    other.close()


def test_arrays_that_could_not_be_erased_by_row_are_refused(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    batch = read_whole(store)
    assert batch.features is not None
    labels = {**arrays_of(batch), "labels/identity/codes": np.zeros(50, np.int32)}
    with pytest.raises(ValueError, match="cannot be erased by row"):
        folder.write(labels, [batch.features], 50)
    with pytest.raises(ValueError, match="not of the rows"):
        folder.write(arrays_of(batch), [batch.features[:20]], 50)
    assert list((tmp_path / "index").iterdir()) == []


def test_any_flipped_byte_is_found(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    (path,) = segment_paths(tmp_path)
    content = path.read_bytes()
    checksum = arrays_of(read_whole(store))["checksum"]
    everything = np.ones(50, np.bool_)
    generator = np.random.default_rng(5)
    unnoticed = []
    for position in generator.choice(len(content), 400, replace=False).tolist():
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        found = folder.load()
        if found.problems:
            continue
        (segment,) = found.segments
        if (
            np.array_equal(segment.contents.arrays["checksum"], checksum)
            and not any(bad.any() for bad in segment.contents.damaged_codes.values())
            and not len(segment.stored.features.damaged_rows(checksum, everything, 0, 50))
        ):
            unnoticed.append(position)
    harmless = [each for each in unnoticed if not any(content[max(0, each - 1) : each + 2])]
    assert unnoticed == harmless, "only bytes between the parts may change unnoticed"


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_reported(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path, part: float
) -> None:
    publish_segments(store, folder, 20, 50)
    path = segment_paths(tmp_path)[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    found = folder.load()
    assert [each.stored.last for each in found.segments] == [20]
    assert path.name in found.problems[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"00000000\n{}",
        sealed("{}"),
        sealed("[1]"),
        sealed(json.dumps({"format": 2})),
        b"\xff\xfe" * 100,
    ],
)
def test_a_damaged_list_is_reported_and_its_files_are_removed(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path, content: bytes
) -> None:
    publish_segments(store, folder, 50)
    (tmp_path / "index" / "segments.json").write_bytes(content)
    found = folder.load()
    assert found.segments == ()
    assert "segments.json is damaged" in found.problems[0]
    folder.remove_unlisted()
    assert segment_paths(tmp_path) == []


def test_a_list_that_is_well_formed_and_not_the_one_that_was_written_is_reported(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    path = tmp_path / "index" / "segments.json"
    content = path.read_text()
    assert '"sequence": 50' in content
    path.write_text(content.replace('"sequence": 50', '"sequence": 40'))
    assert "checksum" in folder.load().problems[0]


def test_a_file_that_is_gone_is_reported(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 20, 50)
    segment_paths(tmp_path)[0].unlink()
    found = folder.load()
    assert [each.stored.first for each in found.segments] == [21]
    assert len(found.problems) == 1


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    (tmp_path / "index").rename(tmp_path / "gone")
    (tmp_path / "index").write_bytes(b"a file where the folder was")
    with pytest.raises(GalleryUnwritable, match="nothing is lost"):
        folder.begin()
    with pytest.raises(GalleryUnwritable, match="nothing is lost"):
        folder.publish([], 50)


def test_what_was_deleted_is_erased_although_the_list_cannot_be_written(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    deleted = read_whole(store, 7, 8)
    assert deleted.features is not None
    written = write_segment(store, folder)
    # The deletion came before the file had its name: whoever deleted did not see it.
    path = tmp_path / "index" / str(written.name)
    path.rename(tmp_path / "unnamed")
    store.delete(["r7"])
    (tmp_path / "unnamed").rename(path)
    (tmp_path / "index" / "segments.json").mkdir()
    with pytest.raises(GalleryUnwritable):
        folder.publish([written], store.last_sequence())
    assert deleted.features[0, 0].tobytes() not in path.read_bytes()


def test_publishing_makes_a_folder_again_that_was_removed(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    written = publish_segments(store, folder, 50)
    shutil.rmtree(tmp_path / "index")
    folder.publish(written, 50)
    assert folder.listed() == ()
    assert folder.is_writer


def test_a_folder_that_was_removed_is_made_again(
    store: GalleryStore, folder: SegmentFolder, tmp_path: Path
) -> None:
    publish_segments(store, folder, 50)
    shutil.rmtree(tmp_path / "index")
    publish_segments(store, folder, 20, 50)
    assert folder.is_writer
    assert len(folder.load().segments) == 2
    second = SegmentFolder(store)
    assert not second.is_writer
    shutil.rmtree(tmp_path / "index")
    assert write_segment(store, second).name is not None
    assert write_segment(store, folder).name is None, "one of the two writes the new folder"
    second.close()
