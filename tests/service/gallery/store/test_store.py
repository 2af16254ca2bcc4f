import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from service.errors import (
    DuplicateRecord,
    GalleryClosed,
    GalleryNotFound,
    InvalidRecord,
    UnknownRecord,
)
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, MASKS, new_record
from vreid.errors import FingerprintMismatch
from vreid.modality import Modality


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    opened = GalleryStore.open(tmp_path / "site" / "gallery", FINGERPRINT, FEATURE_SIZE)
    yield opened
    opened.close()


@pytest.mark.parametrize("mask", MASKS)
def test_a_record_comes_back_as_it_went_in(
    store: GalleryStore, mask: tuple[bool, bool, bool]
) -> None:
    new = new_record(
        3,
        mask,
        id="car-1",
        identity="0007",
        camera="2",
        scene="s1",
        captured_at=datetime(2024, 5, 1, 12, 30, 15, 123457, tzinfo=UTC),
        attributes={"colour": "röd", "axles": 2, "speed": 12.5, "towing": False},
        content_hash="ab" * 32,
        source={Modality.RGB: "/archive/a.jpg"},
    )
    (returned,) = store.add([new])
    for record in (returned, store.get("car-1")):
        assert record.id == "car-1"
        assert (record.identity, record.camera, record.scene) == ("0007", "2", "s1")
        assert record.captured_at == new.captured_at
        assert record.attributes == new.attributes
        assert record.content_hash == new.content_hash
        assert record.source == new.source
        assert np.array_equal(record.mask, new.mask)
        assert np.array_equal(record.features, new.features)
        assert record.features.dtype == np.float16


def test_everything_optional_may_be_absent(store: GalleryStore) -> None:
    (stored,) = store.add([new_record()])
    record = store.get(stored.id)
    assert (record.identity, record.camera, record.scene, record.captured_at) == (None,) * 4
    assert record.attributes == {}
    assert record.source == {}


def test_a_taken_id_is_refused_and_nothing_of_the_batch_is_stored(store: GalleryStore) -> None:
    store.add([new_record(id="a")])
    with pytest.raises(DuplicateRecord, match="'a'") as refused:
        store.add([new_record(id="b"), new_record(id="a"), new_record(id="b")])
    assert refused.value.ids == ("a", "b")
    assert store.count() == 1
    assert store.last_sequence() == 1


def test_features_of_another_size_are_refused(store: GalleryStore) -> None:
    other = new_record(features=np.ones((3, 5)))
    with pytest.raises(InvalidRecord, match="5 values"):
        store.add([other])


def test_content_that_is_known_can_be_left_out(store: GalleryStore) -> None:
    store.add([new_record(content_hash="one")])
    added = store.add(
        [new_record(content_hash=each) for each in ("one", "two", "two", None)],
        skip_known_content=True,
    )
    assert [record.content_hash for record in added] == ["two", None]
    assert store.known_content(["one", "two", "three"]) == {"one", "two"}


def test_a_deleted_record_is_gone_with_its_thumbnails(store: GalleryStore) -> None:
    store.add([new_record(id="a", thumbnails={Modality.NIR: b"jpeg"})])
    assert store.thumbnail("a", Modality.NIR) == b"jpeg"
    assert store.thumbnail("a", Modality.RGB) is None
    assert store.delete(["a", "unknown"]) == 1
    with pytest.raises(UnknownRecord, match="'a'"):
        store.get("a")
    with pytest.raises(UnknownRecord):
        store.thumbnail("a", Modality.NIR)
    store.add([new_record(id="a")])
    assert store.thumbnail("a", Modality.NIR) is None


def test_nothing_of_a_deleted_record_stays_in_the_files(
    store: GalleryStore, tmp_path: Path
) -> None:
    secret = b"a thumbnail that nobody may see again"
    new = new_record(id="a", identity="plate B-XY 123", thumbnails={Modality.RGB: secret})
    store.add([new])
    store.delete(["a"])
    store.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for file in files:
        content = file.read_bytes()
        assert secret not in content
        assert b"B-XY 123" not in content
        assert new.features.tobytes() not in content


def test_the_feed_tells_every_change_once_in_order(store: GalleryStore) -> None:
    store.add([new_record(id="a"), new_record(id="b")])
    store.delete(["a"])
    store.add([new_record(id="c")])
    changes = store.changes_since(0)
    assert [change.sequence for change in changes] == [2, 3, 4]
    assert [change.kind for change in changes] == ["add", "delete", "add"]
    assert [change.record.id if change.record else None for change in changes] == ["b", None, "c"]
    assert changes[1].record_sequence == 1
    assert [change.sequence for change in store.changes_since(1, limit=2)] == [2, 3]
    assert store.changes_since(4) == []


def test_sequence_numbers_are_never_used_twice(store: GalleryStore) -> None:
    store.add([new_record(id="a")])
    store.delete(["a"])
    (again,) = store.add([new_record(id="a")])
    assert again.sequence == 3


def test_a_gallery_opened_again_has_its_records(store: GalleryStore) -> None:
    store.add([new_record(id="a")])
    store.close()
    again = GalleryStore.open(store.path.parent, FINGERPRINT, FEATURE_SIZE)
    assert again.get("a").id == "a"
    assert again.facts == store.facts
    again.close()


def test_another_model_is_refused_with_both_names_and_the_way_out(store: GalleryStore) -> None:
    with pytest.raises(FingerprintMismatch) as refused:
        GalleryStore.open(store.path.parent, "sha256:" + "b" * 64, FEATURE_SIZE)
    for part in (FINGERPRINT, "sha256:bbbb", "vreid reindex --bundle"):
        assert part in str(refused.value)


def test_an_existing_gallery_can_be_opened_without_its_bundle(store: GalleryStore) -> None:
    store.add([new_record()])
    opened = GalleryStore.open_existing(store.path.parent)
    assert opened.count() == 1
    assert opened.facts.fingerprint == FINGERPRINT
    opened.close()


def test_a_directory_without_a_gallery_is_not_made_into_one(tmp_path: Path) -> None:
    with pytest.raises(GalleryNotFound, match="holds no gallery"):
        GalleryStore.open_existing(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_closed_store_says_so(store: GalleryStore) -> None:
    store.close()
    with pytest.raises(GalleryClosed):
        store.count()
    with pytest.raises(GalleryClosed):
        store.add([new_record()])


def test_threads_add_and_read_at_the_same_time(store: GalleryStore) -> None:
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(5):
                (record,) = store.add([new_record(id=f"{name}-{number}")])
                assert store.get(record.id).sequence == record.sequence
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.count() == 20
    assert [change.sequence for change in store.changes_since(0)] == list(range(1, 21))
