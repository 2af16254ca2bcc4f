"""The last steps before a swap while others write, and what is told to who has it open."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import GalleryRetired, ReindexingError
from service.gallery.gallery import Gallery
from service.gallery.record import Labels
from service.gallery.store.generations import generation_name, served_generation
from service.gallery.store.store import GalleryStore
from service.reindexing import swap as swapping
from service.reindexing.embedding import SightingEmbedder
from service.reindexing.job import REJECTS_NAME, reindex
from service.reindexing.swap import swap
from service.reindexing.synchronisation import Synchronisation
from tests.service.reindexing.galleries import (
    QUIET,
    embedded,
    ids_of,
    open_store,
    records_of,
    sighting,
)
from vreid.bundle import Bundle
from vreid.engines import open_engine
from vreid.modality import Modality

RECORDS = 6


@pytest.fixture
def filled(directory: Path, old_bundle: Bundle) -> Path:
    with closing(open_store(directory, old_bundle)) as store:
        asked = [sighting(n, (Modality.RGB,), id=f"r{n}") for n in range(RECORDS)]
        store.add([embedded(each, old_bundle) for each in asked])
    return directory


class Busy(Synchronisation):
    """What follows a gallery in which something happens each time it has caught up."""

    happens: Callable[[], object] = staticmethod(lambda: None)

    def catch_up(self) -> None:
        super().catch_up()
        self.happens()


@contextmanager
def two_generations(
    directory: Path, bundle: Bundle
) -> Iterator[tuple[GalleryStore, GalleryStore, Busy]]:
    """The served generation, the one of a bundle, and what follows the one with the other."""
    name, size = generation_name(bundle.fingerprint), bundle.manifest.feature_size
    with ExitStack() as stack:
        served = stack.enter_context(closing(GalleryStore.open_existing(directory)))
        target = stack.enter_context(
            closing(GalleryStore.open(directory, bundle.fingerprint, size, generation=name))
        )
        embedder = SightingEmbedder(served, bundle, open_engine(bundle), ())
        yield served, target, Busy(served, target, embedder, 2)


def test_a_gallery_that_is_filled_faster_than_it_is_embedded_is_not_locked_for_long(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapping, "_ATTEMPTS", 2)
    monkeypatch.setattr(swapping, "_BROUGHT_UNDER_LOCK", 1)
    new = [embedded(sighting(n, (Modality.RGB,)), old_bundle) for n in range(2)]
    with two_generations(filled, new_bundle) as (served, target, following):
        following.happens = lambda: served.add(new)
        names = (".", generation_name(new_bundle.fingerprint))
        with pytest.raises(ReindexingError, match="quieter"):
            swap(filled, (names[0], served), (names[1], target), following, drop_missing=False)
        assert served_generation(filled) == "."
        served.add(new)
    assert reindex(filled, new_bundle, QUIET).swapped
    assert len(ids_of(filled)) == RECORDS + 2 * 3


def test_what_is_to_be_removed_or_relabelled_is_pending_too(
    filled: Path, new_bundle: Bundle
) -> None:
    with two_generations(filled, new_bundle) as (served, _, following):
        assert following.pending() == RECORDS
        following.catch_up()
        assert following.pending() == 0
        with served.database.writing() as connection:
            # As when the other generation could not be written just then.
            connection.execute("DELETE FROM record WHERE id = 'r0'")
            connection.execute(
                "INSERT INTO deletion (sequence, record_sequence, deleted_at) VALUES (100, 1, 0)"
            )
        served.relabel("r1", Labels(identity="v1"), None)
        assert following.pending() == 2
        following.catch_up()
        assert following.pending() == 0


def test_many_corrected_labels_are_carried_over_in_batches(
    filled: Path, new_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_generations(filled, new_bundle) as (served, target, following):
        following.catch_up()
        embedded_before = following.embedded
        for number in range(RECORDS - 1):
            served.relabel(f"r{number}", Labels(identity=f"v{number}"), None)
        transactions = 0
        writing = target.database.writing

        def counted() -> object:
            nonlocal transactions
            transactions += 1
            return writing()

        monkeypatch.setattr(target.database, "writing", counted)
        following.catch_up()
        # Three batches of two, and one in which the numbers that they had are forgotten.
        assert transactions == 3 + 1
        assert following.embedded == embedded_before
    name = generation_name(new_bundle.fingerprint)
    assert [each.identity for each in records_of(filled, name)] == [
        None,
        "v0",
        "v1",
        "v2",
        "v3",
        "v4",
    ]


def test_who_has_the_old_generation_open_says_so_once_and_before_it_is_written_to(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    with Gallery.open(filled, old_bundle, follow_interval=None) as old:
        remarks = [old.remark]
        reindex(filled, new_bundle, QUIET)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                old.refresh()
        warnings = [each for each in caplog.records if "Restart this process" in each.message]
        assert [new_bundle.fingerprint in each.message for each in warnings] == [True]
        remarks.append(old.remark)
        assert [new_bundle.fingerprint in (each or "") for each in remarks] == [False, True]
        with pytest.raises(GalleryRetired):
            old.delete("r0")
    with Gallery.open(filled, new_bundle, follow_interval=None) as new:
        new.refresh()
        assert new.remark is None


def test_the_list_of_what_cannot_be_embedded_goes_with_the_first_run_that_has_none(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle, tmp_path: Path
) -> None:
    with closing(open_store(filled, old_bundle)) as store:
        store.add([embedded(sighting(9, id="lost"), old_bundle, keep_crops=False)])
    assert not reindex(filled, new_bundle, QUIET).swapped
    listed = [json.loads(line) for line in (filled / REJECTS_NAME).read_text().splitlines()]
    assert [(each["id"], sorted(each)) for each in listed] == [("lost", ["id", "reason"])]
    with closing(open_store(filled, old_bundle)) as store:
        store.delete(["lost"])
    # Another file is named this time; the one before would stay for good.
    assert reindex(filled, new_bundle, replace(QUIET, rejects=tmp_path / "rejects.jsonl")).swapped
    assert not (filled / REJECTS_NAME).exists()
    assert not (tmp_path / "rejects.jsonl").exists()
