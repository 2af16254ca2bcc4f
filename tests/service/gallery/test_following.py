"""How the index follows the store when something goes wrong on the way."""

import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from service.errors import GalleryDamaged, GalleryUnwritable
from service.gallery.files.segment_writer import SegmentWriter
from service.gallery.following import Follower
from service.gallery.gallery import Gallery
from service.gallery.index.index import WAITING_TAILS, SearchIndex
from service.gallery.store.database import DATABASE_NAME
from service.gallery.store.store import Change, GalleryStore
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, new_record
from vreid.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"), FEATURE_SIZE)


class FailingOnce(SearchIndex):
    """An index that fails at the first change after `armed` was set."""

    armed = False

    def apply(self, changes: Sequence[Change]) -> None:
        if self.armed:
            self.armed = False
            raise RuntimeError("an error in the program")
        super().apply(changes)


def open_failing(directory: Path, bundle: Bundle) -> tuple[Gallery, FailingOnce]:
    index = FailingOnce(FEATURE_SIZE)
    store = GalleryStore.open(directory, bundle.fingerprint, FEATURE_SIZE)
    return Gallery(store, bundle, index), index


def damage(directory: Path, record_id: str) -> None:
    connection = sqlite3.connect(directory / DATABASE_NAME)
    connection.execute("UPDATE record SET checksum = checksum + 1 WHERE id = ?", (record_id,))
    connection.commit()
    connection.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stored_record_is_returned_although_the_index_fails(
    tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    gallery, index = open_failing(tmp_path, bundle)
    with gallery:
        index.armed = True
        assert gallery.add(new_record(id="a")).id == "a"
        assert "not searchable yet" in caplog.text
        assert gallery.count() == 0
        gallery.refresh()
        assert gallery.count() == 1
        index.armed = True
        gallery.delete("a")
        gallery.refresh()
        assert gallery.count() == 0


def test_the_follower_outlives_an_error_in_the_program(
    tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    gallery, index = open_failing(tmp_path, bundle)
    with gallery:
        index.armed = True
        gallery.follow_in_background(0.01)
        other = GalleryStore.open(tmp_path, bundle.fingerprint, FEATURE_SIZE)
        other.add([new_record(id="a")])
        other.close()
        wait_until(lambda: gallery.count() == 1)
    assert "an error in the program" in caplog.text


def test_a_damaged_record_is_counted_and_the_others_are_found(
    tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    with Gallery.open(tmp_path, bundle, follow_interval=None) as gallery:
        gallery.add_all([new_record(seed, id=f"r{seed}") for seed in range(3)])
        assert gallery.damaged == 0
    damage(tmp_path, "r1")
    with (
        caplog.at_level(logging.ERROR),
        Gallery.open(tmp_path, bundle, follow_interval=None) as gallery,
    ):
        assert (gallery.count(), gallery.damaged) == (2, 1)
        assert [record.message.count("'r1'") for record in caplog.records] == [1]
        query = new_record(2)
        assert gallery.search(query.features, query.mask, k=3)[0].record.id == "r2"
        gallery.add(new_record(5, id="r5"))
        assert gallery.count() == 3
        gallery.delete("r1")
        assert gallery.damaged == 0


def test_a_gallery_whose_directory_was_deleted_neither_stores_nor_is_ready(
    tmp_path: Path, bundle: Bundle
) -> None:
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as gallery:
        gallery.add(new_record(id="a"))
        shutil.rmtree(tmp_path / "gallery")
        for use in (gallery.check, gallery.refresh, lambda: gallery.add(new_record(id="b"))):
            with pytest.raises(GalleryDamaged, match="deleted or replaced"):
                use()


def test_changes_that_another_thread_followed_are_not_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = GalleryStore.open(tmp_path, "f" * 64, FEATURE_SIZE)
    follower = Follower(store, SearchIndex(FEATURE_SIZE))
    store.add([new_record(seed, id=f"r{seed}") for seed in range(3)])
    newest = store.last_sequence()
    counted = []

    def follows_elsewhere() -> int:
        monkeypatch.undo()
        counted.append(follower.follow())
        return newest

    monkeypatch.setattr(store, "last_sequence", follows_elsewhere)
    counted.append(follower.follow())
    assert counted == [3, 0]
    store.close()


def waiting(index: SearchIndex) -> int:
    return index.facts().tail_rows


def test_whoever_adds_seals_when_too_much_waits(
    tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    store = GalleryStore.open(tmp_path, bundle.fingerprint, FEATURE_SIZE)
    index = SearchIndex(FEATURE_SIZE, seal_rows=4)
    limit, begin = (WAITING_TAILS + 1) * 4, index.begin_file

    def fails() -> SegmentWriter:
        raise GalleryUnwritable("the disk is full")

    with Gallery(store, bundle, index) as gallery:
        for first in range(0, 100, 4):
            gallery.add_all([new_record(first + number) for number in range(4)])
            assert waiting(index) < limit
        assert gallery.info().index is not None
        assert index.facts().sealed_rows > 0
        index.begin_file = fails  # type: ignore[method-assign]
        for first in range(0, 40, 4):
            assert len(gallery.add_all([new_record(first + each) for each in range(4)])) == 4
        assert waiting(index) >= limit
        assert "the disk is full" in caplog.text
        index.begin_file = begin  # type: ignore[method-assign]
        gallery.add(new_record(1))
        assert waiting(index) < limit
        assert gallery.count() == 141
