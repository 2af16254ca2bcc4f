"""What a deletion does to generations that are not served: by ids, and rarely by condition."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.gallery.filters.filter import Filter
from service.gallery.record import Labels, NewRecord
from service.gallery.store import deletion
from service.gallery.store.matching import delete_matches
from service.gallery.store.quarantine import quarantine_record
from service.gallery.store.store import GalleryStore, Selection
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record

OTHER = "generations/other"

Delete = Callable[[GalleryStore], int]


def by_label(store: GalleryStore) -> int:
    return store.delete_selected(Selection(cameras=("gate",)))


def by_filter(store: GalleryStore) -> int:
    return delete_matches(store, Filter(camera=("gate",)))


by_condition = pytest.mark.parametrize("delete", [by_label, by_filter])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    """The generation that is served."""
    with closing(GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)) as store:
        yield store


def open_other(directory: Path) -> GalleryStore:
    return GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE, generation=OTHER)


def fill_other(directory: Path, records: Iterable[NewRecord]) -> None:
    with closing(open_other(directory)) as other:
        other.add(list(records))


def ids_there(directory: Path) -> list[str]:
    with closing(open_other(directory)) as other:
        return [each.id for each in other.all_records()]


def left_out(store: GalleryStore) -> list[str]:
    with store.database.reading() as connection:
        return [row[0] for row in connection.execute("SELECT id FROM left_out ORDER BY id")]


def note_left_out(store: GalleryStore, *ids: str) -> None:
    with store.database.writing() as connection:
        connection.executemany(
            "INSERT INTO left_out (sequence, id) VALUES (?, ?)", enumerate(ids, 1000)
        )


@by_condition
def test_a_record_that_was_corrected_stays_although_another_generation_has_its_old_labels(
    store: GalleryStore, tmp_path: Path, delete: Delete
) -> None:
    store.add([new_record(n, id=f"r{n}", camera="gate") for n in range(3)])
    fill_other(tmp_path, (new_record(n, id=f"r{n}", camera="gate") for n in range(3)))
    store.relabel("r1", Labels(camera="yard"), None)
    assert delete(store) == 2
    assert [each.id for each in store.all_records()] == ["r1"]
    assert ids_there(tmp_path) == ["r1"]


@by_condition
def test_a_record_that_the_served_generation_has_in_quarantine_goes_by_its_labels_there(
    store: GalleryStore, tmp_path: Path, delete: Delete
) -> None:
    kept, gone = store.add([new_record(1, id="a", camera="yard"), new_record(2, id="b")])
    fill_other(tmp_path, (new_record(n, id=each, camera="gate") for n, each in enumerate("ab")))
    store.relabel("b", Labels(camera="gate"), None)
    with store.database.writing() as connection:
        for number in (kept.sequence, store.get("b").sequence):
            quarantine_record(connection, number, "damaged", datetime.now(UTC))
    assert delete(store) == 1
    assert ids_there(tmp_path) == ["a"]
    assert store.delete(["a", "b"]) == 1
    assert gone.id not in ids_there(tmp_path)


@by_condition
def test_what_only_another_generation_has_is_deleted_there_and_no_more_said_to_be_left_out(
    store: GalleryStore, tmp_path: Path, delete: Delete
) -> None:
    store.add([new_record(1, id="here", camera="gate")])
    names = ("out", "damaged", "yard")
    fill_other(
        tmp_path,
        (new_record(n, id=each, camera=("gate", "yard")[n == 2]) for n, each in enumerate(names)),
    )
    with closing(open_other(tmp_path)) as other, other.database.writing() as connection:
        number = other.get("damaged").sequence
        quarantine_record(connection, number, "damaged", datetime.now(UTC))
    note_left_out(store, "out", "yard")
    delete(store)
    assert ids_there(tmp_path) == ["yard"]
    with closing(open_other(tmp_path)) as other:
        assert other.count_selected(Selection()) == 1
    assert left_out(store) == ["yard"]


def test_a_large_deletion_is_many_transactions_in_every_generation(
    store: GalleryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"r{n}" for n in range(7)]
    store.add([new_record(n, id=each, camera="gate") for n, each in enumerate(names)])
    fill_other(tmp_path, (new_record(n, id=each) for n, each in enumerate(names)))
    monkeypatch.setattr("service.gallery.store.store._DELETED_AT_ONCE", 3)
    sizes: list[int] = []
    delete_by_id = deletion.delete_by_id

    def spied(connection: sqlite3.Connection, ids: Iterable[str], now: datetime) -> list[str]:
        wanted = list(ids)
        sizes.append(len(wanted))
        return delete_by_id(connection, wanted, now)

    monkeypatch.setattr(deletion, "delete_by_id", spied)
    assert by_label(store) == 7
    assert sizes == [3, 3, 1]
    assert ids_there(tmp_path) == []
    store.add([new_record(n, id=each) for n, each in enumerate(names)])
    sizes.clear()
    assert store.delete([*names, "nobody"]) == 7
    assert sizes == [3, 3, 2] * 2
