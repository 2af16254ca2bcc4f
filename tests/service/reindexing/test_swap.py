"""The swap: what the old generation still does, what a crash leaves, and the way back."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.errors import GalleryDamaged, GalleryRetired, NotEmbeddable, ReindexingError
from service.gallery.gallery import Gallery
from service.gallery.record import Labels
from service.gallery.store.database import DATABASE_NAME
from service.gallery.store.generations import (
    Successor,
    generation_name,
    retire,
    served_generation,
)
from service.gallery.store.store import GalleryStore, Selection
from service.gallery.upkeep.doctor import examine
from service.reindexing.embedding import SightingEmbedder
from service.reindexing.job import reindex, roll_back
from service.reindexing.kept import discard, list_generations
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


@pytest.fixture
def filled(directory: Path, old_bundle: Bundle) -> Path:
    """A gallery of four records whose images are kept."""
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(n, id=f"r{n}"), old_bundle) for n in range(4)])
    return directory


def everything(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_what_has_the_old_generation_open_searches_on_and_changes_nothing(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with Gallery.open(filled, old_bundle, follow_interval=None) as old:
        reindex(filled, new_bundle, QUIET)
        query = embedded(sighting(2), old_bundle)
        assert old.search(query.features, query.mask, k=1)[0].record.id == "r2"
        assert old.thumbnail("r2", Modality.RGB) is not None
        changes = (
            lambda: old.add(embedded(sighting(9), old_bundle)),
            lambda: old.delete("r0"),
        )
        for change in changes:
            with pytest.raises(GalleryRetired, match=new_bundle.fingerprint):
                change()
        assert old.count() == 4
    assert ids_of(filled) == ["r0", "r1", "r2", "r3"]


def test_a_deletion_reaches_the_generation_before_and_who_still_searches_it(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    secret = records_of(filled)[1]
    crop = sighting(1).by_modality()[Modality.RGB]
    with Gallery.open(filled, old_bundle, follow_interval=None) as old:
        reindex(filled, new_bundle, QUIET)
        assert crop in everything(filled)
        with Gallery.open(filled, new_bundle, follow_interval=None) as new:
            new.delete("r1")
        old.refresh()
        query = embedded(sighting(1), old_bundle)
        found = old.search(query.features, query.mask, k=4)
        assert sorted(match.record.id for match in found) == ["r0", "r2", "r3"]
    left = everything(filled)
    assert crop not in left
    assert secret.features.tobytes() not in left


def test_a_deletion_reaches_the_generation_in_the_making(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    reindex(filled, new_bundle, replace(QUIET, swap=False))
    name = generation_name(new_bundle.fingerprint)
    made = {record.id: record.features.tobytes() for record in records_of(filled, name)}
    crop = sighting(3).by_modality()[Modality.NIR]
    assert made["r3"] in everything(filled)
    with Gallery.open(filled, old_bundle, follow_interval=None) as old:
        old.delete("r3")
    assert made["r3"] not in everything(filled)
    assert crop not in everything(filled)
    assert made["r2"] in everything(filled)
    assert reindex(filled, new_bundle, QUIET).swapped
    assert ids_of(filled) == ["r0", "r1", "r2"]


def test_a_deletion_by_age_reaches_records_that_were_left_out_too(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with closing(open_store(filled, old_bundle)) as store:
        lost = sighting(7, id="lost", camera="gate")
        store.add([embedded(lost, old_bundle, keep_crops=False)])
    assert reindex(filled, new_bundle, replace(QUIET, drop_missing=True)).swapped
    with closing(open_store(filled, new_bundle)) as store:
        store.delete_selected(Selection(cameras=("gate",)))
    roll_back(filled, None, QUIET)
    assert ids_of(filled) == ["r0", "r1", "r2", "r3"]


@pytest.mark.parametrize("resumed_by", ["a store", "the command"])
def test_a_swap_that_was_interrupted_after_its_commit_is_finished_by_whoever_comes(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle, resumed_by: str
) -> None:
    reindex(filled, new_bundle, replace(QUIET, swap=False))
    name = generation_name(new_bundle.fingerprint)
    with (
        closing(GalleryStore.open_existing(filled)) as store,
        store.database.writing() as connection,
    ):
        retire(connection, Successor(name, new_bundle.fingerprint))
    assert served_generation(filled) == "."
    if resumed_by == "a store":
        open_store(filled, new_bundle).close()
    else:
        assert reindex(filled, new_bundle, QUIET).served
    assert served_generation(filled) == name
    with closing(open_store(filled, new_bundle)) as store:
        store.add([embedded(sighting(8, id="r8"), new_bundle)])


def test_rolling_back_keeps_what_was_deleted_and_corrected_since(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    before = {record.id: record.features for record in records_of(filled)}
    reindex(filled, new_bundle, QUIET)
    with closing(open_store(filled, new_bundle)) as store:
        store.delete(["r0"])
        store.relabel("r1", Labels(identity="v1"), None)

    summary = roll_back(filled, None, QUIET)

    assert (summary.swapped, summary.generation, summary.embedded) == (True, ".", 0)
    after = records_of(filled)
    assert [record.id for record in after] == ["r2", "r3", "r1"]
    assert after[2].identity == "v1"
    for record in after:
        assert np.array_equal(record.features, before[record.id])
    with closing(open_store(filled, old_bundle)) as store:
        (added,) = store.add([embedded(sighting(9), old_bundle)])
        assert added.sequence > after[-1].sequence
        assert examine(store).sound


def test_rolling_back_asks_for_the_old_bundle_when_records_were_stored_since(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    reindex(filled, new_bundle, QUIET)
    with closing(open_store(filled, new_bundle)) as store:
        store.add([embedded(sighting(8, id="since"), new_bundle)])
    refused = roll_back(filled, None, QUIET)
    assert not refused.swapped
    assert [each.id for each in refused.rejected] == ["since"]
    assert "--bundle" in refused.rejected[0].reason
    assert roll_back(filled, old_bundle, QUIET).embedded == 1
    assert ids_of(filled) == ["r0", "r1", "r2", "r3", "since"]
    expected = embedded(sighting(8), old_bundle).features
    assert np.array_equal(records_of(filled)[-1].features, expected)


def test_who_had_it_open_before_the_swap_has_to_be_restarted_after_going_back_too(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with Gallery.open(filled, old_bundle, follow_interval=None) as old:
        reindex(filled, new_bundle, QUIET)
        with closing(open_store(filled, new_bundle)) as store:
            store.delete(["r0"])
            store.add([embedded(sighting(8, id="since"), new_bundle)])
        # It has passed the number of what was stored in between.
        assert old.refresh() > 0
        roll_back(filled, old_bundle, QUIET)
        with pytest.raises(GalleryRetired, match="restart"):
            old.refresh()
        with pytest.raises(GalleryRetired, match="restart"):
            old.add(embedded(sighting(9), old_bundle))
    with Gallery.open(filled, old_bundle, follow_interval=None) as again:
        assert again.count() == 4
        again.add(embedded(sighting(9), old_bundle))


def test_rolling_back_twice_goes_forward_again(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    reindex(filled, new_bundle, QUIET)
    forward = records_of(filled)
    roll_back(filled, None, QUIET)
    assert roll_back(filled, None, QUIET).swapped
    for record, other in zip(records_of(filled), forward, strict=True):
        assert np.array_equal(record.features, other.features)
    with closing(open_store(filled, new_bundle)) as store:
        store.add([embedded(sighting(8), new_bundle)])


def test_rolling_back_returns_what_was_left_out_unless_it_was_deleted_since(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with closing(open_store(filled, old_bundle)) as store:
        store.add(
            [
                embedded(sighting(n, id=name), old_bundle, keep_crops=False)
                for n, name in enumerate(("gone", "back", "again"))
            ]
        )
    assert reindex(filled, new_bundle, replace(QUIET, drop_missing=True)).swapped
    with closing(open_store(filled, new_bundle)) as store:
        assert store.delete(["gone"]) == 1
        store.add([embedded(sighting(6, id="again"), new_bundle)])
    roll_back(filled, old_bundle, QUIET)
    assert ids_of(filled) == ["r0", "r1", "r2", "r3", "back", "again"]
    expected = embedded(sighting(6), old_bundle).features
    assert np.array_equal(records_of(filled)[-1].features, expected)


def test_there_has_to_be_something_to_go_back_to(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with pytest.raises(ReindexingError, match="no generation before"):
        roll_back(filled, None, QUIET)
    reindex(filled, new_bundle, QUIET)
    assert [each.name for each in discard(filled)] == ["."]
    with pytest.raises(ReindexingError, match="no generation before"):
        roll_back(filled, None, QUIET)


def test_discarding_leaves_the_served_generation_and_no_byte_of_others(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    old = records_of(filled)[0].features.tobytes()
    reindex(filled, new_bundle, QUIET)
    served, before = list_generations(filled)[::-1]
    assert (served.served, served.previous, served.records) == (True, False, 4)
    assert (before.served, before.previous, before.records) == (False, True, 4)
    assert before.fingerprint == old_bundle.fingerprint
    assert old in everything(filled)
    discard(filled)
    assert old not in everything(filled)
    assert not (filled / DATABASE_NAME).exists()
    assert [each.name for each in list_generations(filled)] == [served.name]
    assert len(ids_of(filled)) == 4


def test_a_gallery_whose_generation_file_is_lost_is_not_taken_for_a_new_one(
    filled: Path, new_bundle: Bundle
) -> None:
    reindex(filled, new_bundle, QUIET)
    discard(filled)
    name = (filled / "generation").read_text()
    (filled / "generation").unlink()
    with pytest.raises(GalleryDamaged, match="generation"):
        open_store(filled, new_bundle)
    (filled / "generation").write_text("../elsewhere\n")
    with pytest.raises(GalleryDamaged, match="elsewhere"):
        open_store(filled, new_bundle)
    (filled / "generation").write_text(name)
    open_store(filled, new_bundle).close()


def test_a_record_that_comes_in_the_last_moment_and_cannot_be_embedded_stops_the_swap(
    filled: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    name = generation_name(new_bundle.fingerprint)
    size = new_bundle.manifest.feature_size
    with (
        closing(open_store(filled, old_bundle)) as served,
        closing(GalleryStore.open(filled, new_bundle.fingerprint, size, generation=name)) as target,
    ):
        following = Synchronisation(
            served, target, SightingEmbedder(served, new_bundle, open_engine(new_bundle), ()), 2
        )
        following.catch_up()
        served.add([embedded(sighting(9, id="late"), old_bundle, keep_crops=False)])
        sides = (".", served), (name, target)
        with pytest.raises(NotEmbeddable, match="late"):
            swap(filled, *sides, following, drop_missing=False)
        # Nothing was retired: the gallery takes changes as before.
        served.add([embedded(sighting(10, id="later"), old_bundle)])
        swap(filled, *sides, following, drop_missing=True)
    assert ids_of(filled) == ["r0", "r1", "r2", "r3", "later"]
