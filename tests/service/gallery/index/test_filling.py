"""A gallery that is opened has everything, whatever lies in its index folder."""

from pathlib import Path

import numpy as np
import pytest

from service.errors import GalleryClosed
from service.gallery.files.loading import load
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.index.filling import BulkSealing, fill
from service.gallery.index.index import SearchIndex
from service.gallery.index.sealed_segment import SealedSegment
from service.gallery.query import Query
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, random_features
from tests.service.gallery.index_builders import filled_store, read_whole

QUERY = Query(random_features(np.random.default_rng(0)), np.ones(3, np.bool_))

FROM_ARRAYS = "service.gallery.index.sealed_segment.CodedVectors.from_arrays"


def filled_index(store: GalleryStore) -> SearchIndex:
    folder = SegmentFolder(store)
    index = SearchIndex(
        FEATURE_SIZE, folder=folder, exact_rows=0, seal_rows=16, largest_rows=64, coded_rows=4
    )
    fill(index, store, load(store, folder))
    return index


def ranking(index: SearchIndex) -> list[tuple[int, float]]:
    return [(hit.sequence, hit.score) for hit in index.search(QUERY, 1000, "shared", None)]


def files(index: SearchIndex) -> list[str | None]:
    segments = [part.rows for part in index.sealed_parts()]
    return [each.stored.name for each in segments if isinstance(each, SealedSegment)]


def test_many_records_go_straight_into_the_largest_segments(tmp_path: Path) -> None:
    store = filled_store(tmp_path, 150)
    index = filled_index(store)
    assert [part.size for part in index.sealed_parts()] == [150]
    assert index.facts().tail_rows == 0
    assert index.sequence == store.last_sequence()
    assert not index.step(), "there is nothing to merge"
    index.close()
    store.close()


def test_few_records_stay_exact(tmp_path: Path) -> None:
    store = filled_store(tmp_path, 15)
    index = filled_index(store)
    assert (index.sealed_parts(), index.facts().tail_rows) == ([], 15)
    index.close()
    store.close()


def test_what_was_sealed_is_taken_as_it_is(tmp_path: Path) -> None:
    store = filled_store(tmp_path, 50)
    first = filled_index(store)
    expected, names = ranking(first), files(first)
    first.close()
    again = filled_index(store)
    assert files(again) == names
    assert ranking(again) == expected
    assert len(expected) == 50
    again.close()
    store.close()


def test_codes_that_this_version_cannot_use_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled_store(tmp_path, 50)
    first = filled_index(store)
    expected, names = ranking(first), files(first)
    first.close()
    with monkeypatch.context() as patch:
        patch.setattr(FROM_ARRAYS, _of_another_kind)
        again = filled_index(store)
    assert ranking(again) == expected
    assert files(again) != names
    again.close()
    store.close()


def test_a_record_that_cannot_be_read_when_codes_are_made_anew_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled_store(tmp_path, 50)
    filled_index(store).close()
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET features = zeroblob(length(features)) WHERE id='r7'")
    monkeypatch.setattr(FROM_ARRAYS, _of_another_kind)
    folder = SegmentFolder(store)
    index = SearchIndex(FEATURE_SIZE, folder=folder, seal_rows=16, coded_rows=4)
    loaded = load(store, folder)
    fill(index, store, loaded)
    assert [each.id for each in loaded.damaged] == ["r7"]
    assert index.count() == 49
    index.close()
    store.close()


def test_sealing_ends_when_the_index_is_closed(tmp_path: Path) -> None:
    store = filled_store(tmp_path, 50)
    index = SearchIndex(FEATURE_SIZE, seal_rows=16)
    index.close()
    sealing = BulkSealing(index, 0)
    sealing.add(read_whole(store))
    with pytest.raises(GalleryClosed):
        sealing.finish()
    store.close()


def _of_another_kind(*_: object) -> None:
    raise ValueError("other codes")
