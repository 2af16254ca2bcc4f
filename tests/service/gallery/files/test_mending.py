"""A segment that is damaged while the gallery is in use is replaced by what the store holds."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.errors import GalleryUnwritable
from service.gallery.files.mending import Mending
from service.gallery.files.segment_writer import SegmentWriter
from tests.service.gallery.builders import MASKS, new_record
from tests.service.gallery.index_builders import segment_paths
from tests.service.gallery.sealing_process import SmallGallery, opened_gallery


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[SmallGallery]:
    """64 records in one sealed segment or several, and some in the tail."""
    with opened_gallery(tmp_path) as opened:
        opened.store.add(
            [new_record(seed, mask=MASKS[seed % 7], id=f"r{seed}") for seed in range(68)]
        )
        opened.follower.follow()
        while opened.index.step():
            pass
        yield opened


def damage(directory: Path, row: bytes) -> None:
    for path in segment_paths(directory):
        position = path.read_bytes().find(row)
        if position >= 0:
            with path.open("r+b") as file:
                file.seek(position)
                file.write(bytes([row[0] ^ 64]))
            return
    raise AssertionError("no segment holds the row")


def mend(gallery: SmallGallery) -> int:
    mending = Mending(gallery.store, gallery.index, gallery.follower)
    return sum(mending.step() for _ in range(40))


def test_a_sound_segment_is_left_alone(gallery: SmallGallery, tmp_path: Path) -> None:
    before = segment_paths(tmp_path)
    assert mend(gallery) == 0
    assert segment_paths(tmp_path) == before


def test_a_flipped_bit_costs_nothing_but_its_segment(
    gallery: SmallGallery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = segment_paths(tmp_path)
    damage(tmp_path, gallery.store.get("r13").features[0].tobytes())
    gallery.store.delete(["r14"])
    assert mend(gallery) == 1
    assert "not what was stored" in caplog.text
    assert len(set(before) - set(segment_paths(tmp_path))) == 1
    for part in gallery.index.sealed_parts():
        for row in np.flatnonzero(part.live):
            number = int(part.columns.sequence[row])
            stored = gallery.store.by_sequence([number]).records
            if number in stored:
                found = part.rows.features(np.array([row]))[0]
                assert np.array_equal(found, stored[number].features)
    assert mend(gallery) == 0


def test_a_file_that_is_cut_short_is_replaced(gallery: SmallGallery, tmp_path: Path) -> None:
    path = segment_paths(tmp_path)[0]
    with path.open("r+b") as file:
        file.truncate(5000)
    assert mend(gallery) == 1
    assert not path.exists()
    gallery.follower.follow()
    assert gallery.live_sequences() == list(range(1, 69))


def test_a_record_that_is_damaged_in_the_store_too_is_left_out_once_and_for_all(
    gallery: SmallGallery, tmp_path: Path
) -> None:
    in_the_file = gallery.store.get("r13").features
    with gallery.store.database.writing() as connection:
        connection.execute("UPDATE record SET features = zeroblob(length(features)) WHERE id='r20'")
    damage(tmp_path, in_the_file[in_the_file.any(axis=1)][0].tobytes())
    before = gallery.live_sequences()
    assert mend(gallery) == 1
    assert set(before) - set(gallery.live_sequences()) == {21}
    assert gallery.follower.damaged == 1
    assert mend(gallery) == 0


def test_a_record_that_another_program_has_changed_is_left_out(
    gallery: SmallGallery, tmp_path: Path
) -> None:
    in_the_file = gallery.store.get("r13").features[0].tobytes()
    with gallery.store.database.writing() as connection:
        other = connection.execute("SELECT features FROM record WHERE id = 'r20'").fetchone()[0]
        changed = other[::-1]
        connection.execute(
            "UPDATE record SET features = ?, checksum = ? WHERE id = 'r20'",
            (changed, zlib.crc32(changed)),
        )
    damage(tmp_path, in_the_file)
    assert mend(gallery) == 1
    assert 21 not in gallery.live_sequences()
    assert mend(gallery) == 0


@pytest.mark.parametrize("column", ["attributes = '{broken'", "mask = 9"])
def test_a_record_whose_columns_are_damaged_is_not_mended_again_and_again(
    tmp_path: Path, column: str
) -> None:
    with opened_gallery(tmp_path) as gallery:
        gallery.store.add([new_record(seed, id=f"r{seed}") for seed in range(64)])
        gallery.follower.follow()
        while gallery.index.step():
            pass
        with gallery.store.database.writing() as connection:
            connection.execute(f"UPDATE record SET {column} WHERE id = 'r13'")
    with opened_gallery(tmp_path) as gallery:
        assert len(gallery.index.sealed_parts()) > 0
        assert (len(gallery.live_sequences()), gallery.follower.damaged) == (63, 1)
        assert mend(gallery) == 0
        gallery.store.delete(["r13"])
        gallery.follower.follow()
        assert (len(gallery.live_sequences()), gallery.follower.damaged) == (63, 0)


def test_a_segment_that_could_not_be_replaced_is_found_out_again(
    gallery: SmallGallery, tmp_path: Path
) -> None:
    damage(tmp_path, gallery.store.get("r13").features[0].tobytes())
    begin = gallery.index.begin_file

    def fails() -> SegmentWriter:
        raise GalleryUnwritable("the disk is full")

    gallery.index.begin_file = fails  # type: ignore[method-assign]
    mending = Mending(gallery.store, gallery.index, gallery.follower)

    def go_over_all() -> int:
        return sum(mending.step() for _ in range(40))

    for _ in range(3):
        with pytest.raises(GalleryUnwritable):
            go_over_all()
    gallery.index.begin_file = begin  # type: ignore[method-assign]
    assert go_over_all() == 1
