"""Threads that write at the same time share a commit, and each is told only of its own."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import DuplicateRecord, GalleryLocked, GalleryUnwritable
from service.gallery.store.database import DATABASE_NAME, Database
from service.gallery.store.group_commit import GroupCommit
from service.gallery.store.store import GalleryStore
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / DATABASE_NAME, create=True)
    with opened.writing() as connection:
        connection.execute("CREATE TABLE number (value INTEGER PRIMARY KEY)")
    yield opened
    opened.close()


def numbers(database: Database) -> list[int]:
    with database.reading() as connection:
        return [row[0] for row in connection.execute("SELECT value FROM number ORDER BY value")]


def insert(value: int) -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO number VALUES (?)", (value,))
        return value

    return work


def run_together(
    writes: GroupCommit, works: list[Callable[[sqlite3.Connection], int]]
) -> list[object]:
    """Run works in threads while a first write is at work, so that they are one group."""
    outcomes: list[object] = [None] * len(works)
    begun, finish = threading.Event(), threading.Event()

    def first(connection: sqlite3.Connection) -> bool:
        begun.set()
        return finish.wait(60)

    def run(position: int) -> None:
        try:
            outcomes[position] = writes.run(works[position])
        except Exception as error:
            outcomes[position] = error

    threads = [threading.Thread(target=writes.run, args=(first,))]
    threads += [threading.Thread(target=run, args=(position,)) for position in range(len(works))]
    threads[0].start()
    assert begun.wait(60)
    for waiting, thread in enumerate(threads[1:], 1):
        thread.start()
        while len(writes._waiting) < waiting:
            time.sleep(0.001)
    finish.set()
    for thread in threads:
        thread.join()
    return outcomes


def test_writes_that_wait_together_are_one_transaction(database: Database) -> None:
    commits: list[str] = []
    database._writer.set_trace_callback(
        lambda statement: commits.append(statement) if statement == "COMMIT" else None
    )
    assert run_together(GroupCommit(database), [insert(value) for value in range(8)]) == [*range(8)]
    assert commits == ["COMMIT", "COMMIT"], "that of the first write and that of the group"
    assert numbers(database) == [*range(8)]


def test_a_write_that_is_refused_is_undone_and_the_others_are_stored(database: Database) -> None:
    def refused(connection: sqlite3.Connection) -> int:
        insert(50)(connection)
        raise DuplicateRecord(["a"])

    first, second, third = run_together(GroupCommit(database), [insert(1), refused, insert(2)])
    assert (first, third) == (1, 2)
    assert isinstance(second, DuplicateRecord)
    assert numbers(database) == [1, 2]


def test_an_error_of_the_database_is_told_to_the_whole_group(database: Database) -> None:
    def too_large(connection: sqlite3.Connection) -> int:
        connection.execute("CREATE TABLE large AS SELECT zeroblob(1000000) AS content")
        return 0

    (pages,) = database._writer.execute("PRAGMA page_count").fetchone()
    database._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    writes = GroupCommit(database)
    outcomes = run_together(writes, [insert(1), too_large, insert(2)])
    assert [type(each) for each in outcomes] == [GalleryUnwritable] * 3
    assert numbers(database) == []
    assert writes.run(insert(3)) == 3


def test_of_two_threads_with_one_id_one_is_refused(tmp_path: Path) -> None:
    store = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)
    outcomes: list[str] = []

    def add(seed: int) -> None:
        try:
            store.add([new_record(seed, id="same"), new_record(seed, id=f"own-{seed}")])
            outcomes.append("stored")
        except DuplicateRecord:
            outcomes.append("refused")

    threads = [threading.Thread(target=add, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 5 + ["stored"]
    assert store.count() == 2
    store.close()


def test_a_lock_of_another_process_is_waited_for_once_by_all(tmp_path: Path) -> None:
    database = Database(tmp_path / DATABASE_NAME, create=True, busy_timeout=0.3)
    other = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writes = GroupCommit(database)
    failures: list[Exception] = []

    def write() -> None:
        try:
            writes.run(lambda connection: connection.execute("SELECT 1").fetchone())
        except GalleryLocked as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 6
    other.execute("ROLLBACK")
    other.close()
    assert writes.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    database.close()
