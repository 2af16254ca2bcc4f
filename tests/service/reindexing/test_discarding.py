"""Removing generations: nothing of them stays, and nothing goes that is nowhere else unasked."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.errors import ReindexingError
from service.gallery.store.database import DATABASE_NAME
from service.gallery.store.generations import leftovers, note_previous
from service.gallery.store.quarantine import quarantine_record
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.backup import back_up, restore
from service.gallery.upkeep.doctor import examine
from service.reindexing import kept
from service.reindexing.command import reindex_command
from service.reindexing.job import REJECTS_NAME, reindex, roll_back
from service.reindexing.kept import discard, list_generations
from tests.service.reindexing.galleries import QUIET, embedded, ids_of, open_store, sighting
from vreid.bundle import Bundle


@pytest.fixture
def swapped(directory: Path, old_bundle: Bundle, new_bundle: Bundle) -> Path:
    """A gallery of three records, embedded again; the first generation has an index."""
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(n, id=f"r{n}"), old_bundle) for n in range(3)])
    assert reindex(directory, new_bundle, QUIET).swapped
    make_index(directory)
    return directory


@pytest.fixture
def with_a_loss(directory: Path, old_bundle: Bundle, new_bundle: Bundle) -> Path:
    """A gallery without two records that the generation before has, one of them in quarantine."""
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(0, id="r0"), old_bundle)])
        asked = [sighting(n, id=name) for n, name in ((1, "lost"), (2, "damaged"))]
        _, damaged = store.add([embedded(each, old_bundle, keep_crops=False) for each in asked])
        with store.database.writing() as connection:
            quarantine_record(connection, damaged.sequence, "damaged", datetime.now(UTC))
    assert reindex(directory, new_bundle, replace(QUIET, drop_missing=True)).swapped
    return directory


def make_index(generation: Path) -> None:
    (generation / "index").mkdir(exist_ok=True)
    (generation / "index" / "one.segment").write_bytes(b"features of a vehicle")


def holds_features(directory: Path) -> bool:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return any(b"features of a vehicle" in path.read_bytes() for path in files)


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("goes_back", [False, True], ids=["the first", "another"])
def test_a_removal_that_is_ended_anywhere_is_finished_by_the_next(
    swapped: Path, monkeypatch: pytest.MonkeyPatch, after: int, goes_back: bool
) -> None:
    if goes_back:
        before = roll_back(swapped, None, QUIET).generation
        assert before == "."
        (unserved,) = [each for each in list_generations(swapped) if not each.served]
        (swapped / "index" / "one.segment").unlink()
        make_index(swapped / unserved.name)
    remove_path, done = kept._remove_path, list[Path]()

    def ended(path: Path) -> None:
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(path)
        remove_path(path)

    with monkeypatch.context() as patched:
        patched.setattr(kept, "_remove_path", ended)
        try:
            discard(swapped)
        except KeyboardInterrupt:
            # What still holds something of it can be found.
            assert len(list_generations(swapped)) == 2 or not holds_features(swapped)
    discard(swapped)
    assert not holds_features(swapped)
    assert len(list_generations(swapped)) == 1
    assert leftovers(swapped) == []
    assert ids_of(swapped) == ["r0", "r1", "r2"]


def test_what_an_interrupted_removal_left_without_a_database_is_found_and_swept(
    swapped: Path, new_bundle: Bundle
) -> None:
    (swapped / DATABASE_NAME).unlink()
    (swapped / f"{DATABASE_NAME}-wal").write_bytes(b"features of a vehicle")
    (swapped / "generations" / "abc").mkdir()
    make_index(swapped / "generations" / "abc")
    with closing(open_store(swapped, new_bundle)) as store:
        found = [each.subject for each in examine(store).findings if each.kind == "left over"]
    assert found == ["abc", "index", f"{DATABASE_NAME}-wal"]
    assert discard(swapped) == []
    assert not holds_features(swapped)
    assert not (swapped / "index").exists()
    with closing(open_store(swapped, new_bundle)) as store:
        assert examine(store).sound
    assert ids_of(swapped) == ["r0", "r1", "r2"]


def run(directory: Path, *options: str) -> Result:
    return CliRunner().invoke(reindex_command, ["--gallery", str(directory), *options])


def test_records_that_are_nowhere_else_are_counted_and_not_discarded_unasked(
    with_a_loss: Path,
) -> None:
    first, served = json.loads(run(with_a_loss, "--status", "--json").output)["generations"]
    assert (first["only_here"], first["quarantined_here"]) == (1, 1)
    assert (served["only_here"], served["quarantined_here"]) == (0, 0)
    assert "only here: 1, 1 in quarantine" in run(with_a_loss, "--status").output.splitlines()[0]

    refused = run(with_a_loss, "--discard")
    assert isinstance(refused.exception, ReindexingError)
    assert "--with-only-copies" in str(refused.exception)
    assert len(list_generations(with_a_loss)) == 2

    assert run(with_a_loss, "--discard", "--with-only-copies").exit_code == 0
    assert len(list_generations(with_a_loss)) == 1
    assert run(with_a_loss, "--status", "--with-only-copies").exit_code == 2


def test_discarding_forgets_what_was_left_out_with_it(with_a_loss: Path) -> None:
    assert (with_a_loss / REJECTS_NAME).exists()
    discard(with_a_loss, with_only_copies=True)
    assert not (with_a_loss / REJECTS_NAME).exists()
    files = [path for path in with_a_loss.rglob("*") if path.is_file()]
    assert not any(b"lost" in path.read_bytes() for path in files)
    with closing(GalleryStore.open_existing(with_a_loss)) as store:
        assert store.delete(["lost"]) == 0
    with pytest.raises(ReindexingError, match="no generation before"):
        roll_back(with_a_loss, None, QUIET)


def test_a_process_goes_on_with_the_served_generation_while_others_are_discarded(
    swapped: Path, new_bundle: Bundle
) -> None:
    with closing(open_store(swapped, new_bundle)) as store:
        discard(swapped)
        assert store.delete(["r0"]) == 1
        assert store.last_sequence() > 0


def test_a_restored_gallery_has_nothing_to_go_back_to(with_a_loss: Path, tmp_path: Path) -> None:
    with closing(GalleryStore.open_existing(with_a_loss)) as store:
        back_up(store, tmp_path / "backup")
    copy = tmp_path / "copy"
    restore(tmp_path / "backup", copy)
    assert b"lost" not in (copy / DATABASE_NAME).read_bytes()
    with pytest.raises(ReindexingError, match="no generation before"):
        roll_back(copy, None, QUIET)
    # A copy that was made by other means still says what the original says.
    with (
        closing(GalleryStore.open_existing(copy)) as store,
        store.database.writing() as connection,
    ):
        note_previous(connection, ".")
    with pytest.raises(ReindexingError, match="no generation before"):
        roll_back(copy, None, QUIET)
