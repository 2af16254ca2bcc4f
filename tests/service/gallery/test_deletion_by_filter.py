"""Deleting what passes a filter: all of it, nothing else, wherever it lies."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.errors import DeletionInterrupted, GalleryLocked, UnexpectedCount
from service.gallery.filters.filter import Filter
from service.gallery.gallery import Gallery
from service.gallery.record import Labels
from service.gallery.store.enrolment import relabel_record
from service.gallery.store.matching import delete_matches, stored_matches
from service.gallery.store.quarantine import quarantine_record
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.command import gallery
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record

GATE = Filter.from_json({"camera": "gate", "attributes": {"speed": {"from": 50}}})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    store = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)
    yield store
    store.close()


def ids(store: GalleryStore) -> list[str]:
    return [record.id for record in store.all_records()]


def add_four(store: GalleryStore) -> None:
    """Two that pass GATE, a and d, and two that do not."""
    store.add(
        [
            new_record(1, id="a", camera="gate", attributes={"speed": 50}),
            new_record(2, id="b", camera="gate", attributes={"speed": 49.5}),
            new_record(3, id="c", camera="yard", attributes={"speed": 60}),
            new_record(4, id="d", camera="gate", attributes={"speed": 70, "plate": "HN 4711"}),
        ]
    )


def test_more_than_one_transaction_can_hold_is_deleted(store: GalleryStore) -> None:
    cameras = ["gate", "yard"]
    store.add([new_record(number, camera=cameras[number % 2]) for number in range(1200)])
    assert delete_matches(store, Filter(camera=("gate",))) == 600
    assert {record.camera for record in store.all_records()} == {"yard"}  # type: ignore[union-attr]
    assert store.count() == 600


@pytest.mark.parametrize("number", [0, 1, 500, 501, 1200])
def test_as_many_as_expected_are_deleted_or_none(store: GalleryStore, number: int) -> None:
    store.add([new_record(each, camera="gate") for each in range(number)])
    store.add([new_record(each, camera="yard") for each in range(number, number + 3)])
    gate = Filter(camera=("gate",))
    for expected in (number - 1, number + 1):
        with pytest.raises(UnexpectedCount, match=f"{number} records pass .* and {expected} were"):
            delete_matches(store, gate, expected)
    assert store.count() == number + 3
    assert delete_matches(store, gate, number) == number
    assert {record.camera for record in store.all_records()} == {"yard"}  # type: ignore[union-attr]


class TestBesideAWriter:
    """What another process does between counting and deleting, where a number is expected."""

    @pytest.fixture
    def other(self, store: GalleryStore, tmp_path: Path) -> Iterator[GalleryStore]:
        """The same gallery in another process; its writes give up at once."""
        add_four(store)
        other = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE, lock_timeout=0.01)
        yield other
        other.close()

    @staticmethod
    def counting(
        *writes: Callable[[], object],
    ) -> tuple[Callable[[GalleryStore], Iterator[list[int]]], list[list[int]]]:
        """GATE's matches, each time with the next write after them; and what was found so far."""
        found: list[list[int]] = []
        remaining = iter(writes)

        def find(each: GalleryStore) -> Iterator[list[int]]:
            numbers = [number for batch in stored_matches(each, GATE) for number in batch]
            found.append(numbers)
            next(remaining, lambda: None)()
            yield numbers

        return find, found

    def test_a_gallery_at_rest_is_counted_once_and_others_may_write_meanwhile(
        self, store: GalleryStore, other: GalleryStore
    ) -> None:
        find, found = self.counting(lambda: another_process_could_write(other))
        assert store.delete_numbered(find, expected=2) == 2
        assert (ids(store), found) == (["b", "c"], [[1, 4]])

    @pytest.mark.parametrize("passes", [True, False])
    def test_after_an_addition_it_is_counted_anew(
        self, store: GalleryStore, other: GalleryStore, passes: bool
    ) -> None:
        speed = {"speed": 80 if passes else 10}
        record = new_record(5, id="e", camera="gate", attributes=speed)
        find, found = self.counting(lambda: other.add([record]))
        if passes:
            with pytest.raises(UnexpectedCount, match=r"3 records pass .* and 2 were"):
                store.delete_numbered(find, expected=2)
            assert ids(store) == ["a", "b", "c", "d", "e"]
        else:
            assert store.delete_numbered(find, expected=2) == 2
            assert ids(store) == ["b", "c", "e"]
        assert len(found) == 2

    def test_after_a_correction_it_is_counted_anew(
        self, store: GalleryStore, other: GalleryStore
    ) -> None:
        faster = Labels(camera="gate", attributes={"speed": 51})
        find, found = self.counting(lambda: other.relabel("b", faster, None))
        assert store.delete_numbered(find, expected=3) == 3
        assert (ids(store), found) == (["c"], [[1, 4], [1, 4, 6]])

    def test_after_a_quarantined_record_was_deleted_it_is_counted_anew(
        self, store: GalleryStore, other: GalleryStore
    ) -> None:
        with store.database.writing() as connection:
            quarantine_record(connection, 4, "its checksum is wrong", datetime.now(UTC))
        find, found = self.counting(lambda: other.delete(["d"]))
        with pytest.raises(UnexpectedCount, match=r"1 records pass .* and 2 were"):
            store.delete_numbered(find, expected=2)
        assert (ids(store), found) == (["a", "b", "c"], [[1, 4], [1]])

    def test_beside_a_writer_that_gives_no_rest_the_last_count_is_made_while_it_waits(
        self, store: GalleryStore, other: GalleryStore
    ) -> None:
        refused = []

        def add(number: int) -> None:
            other.add([new_record(number, id=str(number), camera="yard")])

        def add_in_vain() -> None:
            with pytest.raises(GalleryLocked):
                add(9)
            refused.append(9)

        writes = [partial(add, number) for number in (5, 6, 7)]
        find, found = self.counting(*writes, add_in_vain)
        assert store.delete_numbered(find, expected=2) == 2
        assert (ids(store), refused) == (["b", "c", "5", "6", "7"], [9])
        assert found == [[1, 4]] * 4

    def test_a_record_that_is_corrected_before_its_turn_stays(
        self, store: GalleryStore, other: GalleryStore
    ) -> None:
        dock = Filter(camera=("dock",))
        store.add([new_record(each, id=f"{each}", camera="dock") for each in range(700)])
        begun = 0

        def correct_before_the_second(connection: sqlite3.Connection) -> None:
            nonlocal begun
            begun += 1
            if begun == 2:
                yard = Labels(camera="yard")
                relabel_record(connection, "699", yard, None, datetime.now(UTC))

        store.database.before_write = correct_before_the_second
        assert delete_matches(store, dock, expected=700) == 699
        assert ids(store) == ["a", "b", "c", "d", "699"]

    def test_what_is_deleted_before_it_cannot_go_on_is_told(
        self, store: GalleryStore, other: GalleryStore
    ) -> None:
        with ExitStack() as held:

            def find(each: GalleryStore) -> Iterator[list[int]]:
                yield [1]
                held.enter_context(store.database.writing())
                yield [4]

            with pytest.raises(DeletionInterrupted, match=r"^1 of .* Count .* delete the rest"):
                other.delete_numbered(find)
        assert ids(store) == ["b", "c", "d"]


def another_process_could_write(other: GalleryStore) -> None:
    """Begin a write that changes nothing."""
    with other.database.writing():
        pass


def test_what_is_deleted_is_in_no_file_any_more(store: GalleryStore, tmp_path: Path) -> None:
    add_four(store)
    assert delete_matches(store, GATE) == 2
    assert ids(store) == ["b", "c"]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"HN 4711" in data for data in files)


def test_damaged_and_quarantined_records_are_deleted_too(store: GalleryStore) -> None:
    add_four(store)
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET features = zeroblob(5) WHERE id = 'a'")
        for number, record_id in ((2, "b"), (4, "d")):
            assert store.get(record_id).sequence == number
            quarantine_record(connection, number, "its checksum is wrong", datetime.now(UTC))
    assert [number for batch in stored_matches(store, GATE) for number in batch] == [1, 4]
    assert delete_matches(store, GATE) == 2
    assert ids(store) == ["c"]
    assert store.delete(["b"]) == 1


def test_a_quarantined_record_whose_labels_are_damaged_stays(store: GalleryStore) -> None:
    add_four(store)
    with store.database.writing() as connection:
        quarantine_record(connection, 4, "its attributes are no JSON", datetime.now(UTC))
        connection.execute("UPDATE quarantine SET attributes = '{\"speed' WHERE sequence = 4")
    assert delete_matches(store, Filter(negated=Filter(camera=("yard",)))) == 2
    assert store.delete(["d"]) == 1


def test_records_that_are_stored_meanwhile_stay(store: GalleryStore) -> None:
    add_four(store)
    matches = stored_matches(store, Filter(camera=("gate",)))
    first = next(matches)
    store.add([new_record(5, camera="gate")])
    assert [first, *matches] == [[1, 2, 4], []]


def test_a_generation_that_is_not_served_loses_the_same_records(
    store: GalleryStore, tmp_path: Path
) -> None:
    add_four(store)
    other = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE, generation="generations/other")
    # Told differently there, left out here, and neither.
    other.add(
        [new_record(4, id="d"), new_record(5, id="e", camera="gate", attributes={"speed": 80})]
    )
    other.add([new_record(6, id="f", camera="yard")])
    other.close()
    assert delete_matches(store, GATE) == 2
    other = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE, generation="generations/other")
    assert ids(other) == ["f"]
    other.close()


def test_a_gallery_finds_no_more_what_it_deleted(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", FEATURE_SIZE)
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as opened:
        added = opened.add_all(
            [new_record(number, camera="gate" if number % 3 else None) for number in range(30)]
        )
        gate = Filter(camera=("gate",))
        assert opened.count_matching(gate) == opened.count(gate) == 20
        assert opened.delete_matching(gate) == 20
        assert opened.count() == 10
        query = added[1]
        found = opened.search(query.features, query.mask, 30)
        assert {match.record.camera for match in found} == {None}


class TestCommand:
    """`vreid gallery delete` and `vreid gallery list` with `--filter`."""

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        with_four = GalleryStore.open(tmp_path, FINGERPRINT, FEATURE_SIZE)
        add_four(with_four)
        with_four.close()
        return tmp_path

    def call(self, *arguments: object) -> Result:
        return CliRunner().invoke(gallery, [str(each) for each in arguments])

    def test_a_dry_run_counts_and_deletes_nothing(self, directory: Path) -> None:
        told = self.call("delete", directory, "--filter", '{"camera": "gate"}', "--dry-run")
        assert (told.exit_code, told.output) == (0, "3 would be deleted\n")
        told = self.call("delete", directory, "--filter", '{"camera": "gate"}')
        assert (told.exit_code, told.output) == (0, "3 deleted\n")
        told = self.call("delete", directory, "--filter", '{"camera": "gate"}', "--dry-run")
        assert (told.exit_code, told.output) == (0, "0 would be deleted\n")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--filter", "{}"], "no condition"),
            (["--filter", '{"camera": null}'], "no condition"),
            (["--filter", '{"or": [{"camera": "gate"}, {"identity": null}]}'], "no condition"),
            (["--filter", '{"camera": "gate"'], "JSON object"),
            (["--filter", '{"exclude_same_camera": true}'], "exclude_same_camera"),
            (["--filter", '{"camera": "gate"}', "a"], "not both"),
            ([], "Give IDS"),
            (["a", "--dry-run"], "Give IDS"),
            (["a", "--all"], "Give IDS"),
            (["a", "--expected", "1"], "Give IDS"),
            (["--filter", '{"not": {"camera": "gaet"}}'], "Every record"),
            (["--filter", '{"camera": "gate", "camera": "yard"}'], "'camera' is given twice"),
        ],
    )
    def test_what_could_mean_everything_or_something_else_is_refused(
        self, directory: Path, arguments: list[str], said: str
    ) -> None:
        told = self.call("delete", directory, *arguments)
        assert told.exit_code == 2
        assert said in told.output
        assert len(self.call("list", directory).output.splitlines()) == 4

    def test_nothing_is_deleted_where_another_number_passes_than_is_expected(
        self, directory: Path
    ) -> None:
        gate = ["--filter", '{"camera": "gate"}']
        told = self.call("delete", directory, *gate, "--expected", 2)
        assert isinstance(told.exception, UnexpectedCount)
        assert self.call("delete", directory, *gate, "--dry-run").output == "3 would be deleted\n"
        assert self.call("delete", directory, *gate, "--expected", 3).output == "3 deleted\n"

    def test_a_filter_that_every_record_passes_deletes_when_told_to_delete_all(
        self, directory: Path
    ) -> None:
        everything = ["--filter", '{"not": {"camera": "gaet"}}']
        told = self.call("delete", directory, *everything, "--dry-run")
        assert (told.exit_code, told.output) == (0, "4 would be deleted\n")
        told = self.call("delete", directory, *everything, "--all")
        assert (told.exit_code, told.output) == (0, "4 deleted\n")
        told = self.call("delete", directory, *everything)
        assert (told.exit_code, told.output) == (0, "0 deleted\n")

    def test_a_list_shows_the_records_that_pass(self, directory: Path) -> None:
        def listed(*arguments: object) -> list[str]:
            lines = self.call("list", directory, "--json", *arguments).output.splitlines()
            return [json.loads(line)["id"] for line in lines]

        assert listed("--filter", '{"not": {"camera": "yard"}}') == ["a", "b", "d"]
        assert listed("--filter", '{"camera": "gate"}', "--limit", 2) == ["a", "b"]
