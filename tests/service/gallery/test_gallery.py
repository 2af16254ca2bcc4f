import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import DuplicateRecord, GalleryClosed, InvalidSearch, UnknownRecord
from service.gallery.filters.filter import Filter
from service.gallery.gallery import Gallery
from service.gallery.query import MAX_RESULTS, Position
from service.gallery.store.store import GalleryStore
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, MASKS, new_record
from vreid.bundle import Bundle
from vreid.errors import FingerprintMismatch, ScoringError
from vreid.modality import Modality


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"), FEATURE_SIZE)


@pytest.fixture
def gallery(tmp_path: Path, bundle: Bundle) -> Iterator[Gallery]:
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as opened:
        yield opened


def search_ids(gallery: Gallery, seed: int, **options: Any) -> list[str]:  # noqa: ANN401
    query = new_record(seed)
    return [match.record.id for match in gallery.search(query.features, query.mask, **options)]


def test_an_added_record_is_found_at_once(gallery: Gallery) -> None:
    for seed in range(20):
        gallery.add(new_record(seed, id=f"r{seed}", identity=f"i{seed}"))
        assert search_ids(gallery, seed, k=1) == [f"r{seed}"]
    assert gallery.count() == 20


def test_a_match_carries_rank_record_score_probability_and_contributions(gallery: Gallery) -> None:
    gallery.add_all([new_record(seed, camera=str(seed % 2)) for seed in range(5)])
    query = new_record(3)
    matches = gallery.search(query.features, query.mask, k=5)
    assert [match.rank for match in matches] == [1, 2, 3, 4, 5]
    assert matches[0].score == pytest.approx(1)
    assert matches[0].record.camera == "1"
    assert set(matches[0].contributions) == set(Modality)
    assert sum(matches[0].contributions.values()) == pytest.approx(matches[0].score)
    probabilities = [match.probability for match in matches]
    assert all(each is not None and 0 <= each <= 1 for each in probabilities)
    assert probabilities == sorted(probabilities, key=lambda each: -(each or 0))


def test_a_deleted_record_is_not_found_and_not_listed(gallery: Gallery) -> None:
    gallery.add_all([new_record(seed, id=f"r{seed}") for seed in range(3)])
    gallery.delete("r1")
    assert "r1" not in search_ids(gallery, 1)
    assert [record.id for record in gallery.page().records] == ["r0", "r2"]
    with pytest.raises(UnknownRecord):
        gallery.get("r1")
    with pytest.raises(UnknownRecord):
        gallery.delete("r1")


def test_a_batch_with_a_taken_id_adds_nothing(gallery: Gallery) -> None:
    gallery.add(new_record(id="a"))
    with pytest.raises(DuplicateRecord):
        gallery.add_all([new_record(id="b"), new_record(id="a")])
    assert gallery.count() == 1


def test_searches_and_counts_obey_the_filter(gallery: Gallery) -> None:
    gallery.add_all([new_record(seed, id=f"r{seed}", camera=str(seed % 3)) for seed in range(9)])
    camera_2 = Filter(camera=("2",))
    assert set(search_ids(gallery, 0, filter=camera_2)) == {"r2", "r5", "r8"}
    assert gallery.count(camera_2) == 3
    assert [record.id for record in gallery.page(filter=camera_2).records] == ["r2", "r5", "r8"]


def test_pages_cover_the_gallery_while_it_changes(gallery: Gallery) -> None:
    gallery.add_all([new_record(seed, id=f"r{seed}") for seed in range(7)])
    first = gallery.page(limit=3)
    assert [record.id for record in first.records] == ["r0", "r1", "r2"]
    gallery.delete("r1")
    gallery.delete("r3")
    gallery.add(new_record(9, id="r9"))
    second = gallery.page(first.next_cursor, limit=3)
    assert [record.id for record in second.records] == ["r4", "r5", "r6"]
    third = gallery.page(second.next_cursor, limit=3)
    assert [record.id for record in third.records] == ["r9"]
    assert third.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "abc", "-1", "1.5", "9" * 19, "١"])
def test_a_cursor_that_no_page_gave_is_refused(gallery: Gallery, cursor: str) -> None:
    with pytest.raises(InvalidSearch, match="cursor"):
        gallery.page(cursor)


@pytest.mark.parametrize("k", [0, -1, MAX_RESULTS + 1])
def test_k_has_bounds(gallery: Gallery, k: int) -> None:
    with pytest.raises(InvalidSearch, match="k is"):
        search_ids(gallery, 0, k=k)


@pytest.mark.parametrize("depth", [-1, MAX_RESULTS + 1])
def test_a_position_too_deep_is_refused(gallery: Gallery, depth: int) -> None:
    with pytest.raises(InvalidSearch, match="narrow the search"):
        search_ids(gallery, 0, after=Position(depth, 0.5, 1))


def test_results_behind_a_position_go_on_where_others_ended(gallery: Gallery) -> None:
    gallery.add_all([new_record(seed % 4, id=f"r{seed}") for seed in range(12)])
    query = new_record(1)
    whole = gallery.search(query.features, query.mask, k=12)
    assert [match.key for match in whole] == sorted((each.key for each in whole), reverse=True)
    last = whole[4]
    rest = search_ids(gallery, 1, after=Position(5, last.key, last.record.sequence))
    assert rest == [match.record.id for match in whole[5:]]


def test_a_search_as_of_a_change_leaves_later_records_out(gallery: Gallery) -> None:
    gallery.add(new_record(1, id="before"))
    then = gallery.sequence
    gallery.add(new_record(1, id="after"))
    assert search_ids(gallery, 1, as_of=then) == ["before"]
    assert search_ids(gallery, 1) == ["before", "after"]


@pytest.mark.parametrize("limit", [0, 1001])
def test_the_page_size_has_bounds(gallery: Gallery, limit: int) -> None:
    with pytest.raises(InvalidSearch, match="limit"):
        gallery.page(limit=limit)


def test_a_query_of_another_shape_or_without_modality_is_refused(gallery: Gallery) -> None:
    with pytest.raises(InvalidSearch, match=r"\(3, 5\)"):
        gallery.search(np.ones((3, 5)), np.ones(3, bool))
    with pytest.raises(InvalidSearch, match="no modality"):
        gallery.search(np.ones((3, FEATURE_SIZE)), np.zeros(3, bool))


def test_an_unknown_policy_is_refused(gallery: Gallery) -> None:
    with pytest.raises(ScoringError, match="nearest"):
        search_ids(gallery, 0, policy="nearest")


@pytest.mark.parametrize("mask", MASKS)
def test_every_subset_of_modalities_finds_itself_after_reopening(
    gallery: Gallery, bundle: Bundle, mask: tuple[bool, bool, bool]
) -> None:
    for seed in range(10):
        gallery.add(new_record(seed, mask, id=f"r{seed}"))
    gallery.close()
    with Gallery.open(gallery.info().directory, bundle, follow_interval=None) as again:
        query = new_record(4, mask)
        for policy in ("center", "shared", "auto"):
            (match,) = again.search(query.features, query.mask, k=1, policy=policy)
            assert match.record.id == "r4"
            assert np.array_equal(match.record.features, query.features)


def test_what_another_process_stores_is_found_without_a_call(
    tmp_path: Path, bundle: Bundle
) -> None:
    with Gallery.open(tmp_path, bundle, follow_interval=0.02) as gallery:
        # A second store on the same files is to SQLite what another process is.
        store = GalleryStore.open(tmp_path, bundle.fingerprint, FEATURE_SIZE)
        store.add([new_record(1, id="a"), new_record(2, id="b")])
        _wait_until(lambda: gallery.count() == 2)
        assert search_ids(gallery, 1, k=1) == ["a"]
        store.delete(["a"])
        _wait_until(lambda: gallery.count() == 1)
        store.close()


def test_another_bundle_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    other = make_tiny_bundle(tmp_path / "other", FEATURE_SIZE, seed=1)
    with pytest.raises(FingerprintMismatch) as refused:
        Gallery.open(gallery.info().directory, other)
    assert other.fingerprint in str(refused.value)
    assert gallery.info().fingerprint in str(refused.value)


def test_info_tells_what_there_is(gallery: Gallery, bundle: Bundle) -> None:
    gallery.add(new_record())
    info = gallery.info()
    assert (info.records, info.feature_size) == (1, FEATURE_SIZE)
    assert info.fingerprint == bundle.fingerprint
    assert info.bytes_on_disk
    assert info.index is not None
    assert (info.index.records, info.index.tail_rows, info.index.sealed_rows) == (1, 1, 0)


def test_a_closed_gallery_says_so_and_closes_twice(gallery: Gallery) -> None:
    gallery.close()
    gallery.close()
    with pytest.raises(GalleryClosed):
        gallery.add(new_record())
    with pytest.raises(GalleryClosed):
        gallery.get("a")


def test_threads_add_delete_and_search_at_the_same_time(gallery: Gallery) -> None:
    failures: list[BaseException] = []
    stop = threading.Event()

    def guarded(work: Any) -> threading.Thread:  # noqa: ANN401
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)
                stop.set()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def search() -> None:
        while not stop.is_set():
            query = new_record(1)
            matches = gallery.search(query.features, query.mask, k=10)
            assert len({match.record.id for match in matches}) == len(matches)
            keys = [match.probability or 0 for match in matches]
            assert keys == sorted(keys, reverse=True)

    def change(name: int) -> None:
        for number in range(15):
            record = gallery.add(new_record(number, id=f"{name}-{number}"))
            assert gallery.get(record.id).sequence == record.sequence
            if number % 3 == 0:
                gallery.delete(record.id)

    searching = [guarded(search) for _ in range(2)]
    changing = [guarded(lambda name=name: change(name)) for name in range(3)]
    for thread in changing:
        thread.join()
    stop.set()
    for thread in searching:
        thread.join()
    assert not failures
    assert gallery.count() == 30


def _wait_until(condition: Any) -> None:  # noqa: ANN401
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
