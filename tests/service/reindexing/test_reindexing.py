"""A gallery embedded again is what it would be if it had been embedded with that bundle at once."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.errors import GalleryNotFound, ReindexingRunning
from service.gallery.gallery import Gallery
from service.gallery.record import Labels, NewRecord
from service.gallery.store.generations import served_generation
from service.gallery.store.store import GalleryStore
from service.indexing.job import index_source
from service.indexing.preparation import hash_images
from service.reindexing.job import only_one, reindex
from tests.service.indexing.pictures import write_picture
from tests.service.reindexing.galleries import (
    QUIET,
    embedded,
    ids_of,
    index,
    open_store,
    records_of,
    sighting,
)
from vreid.bundle import Bundle
from vreid.errors import FingerprintMismatch
from vreid.image_source import Tile, content_of
from vreid.modality import MODALITIES, Modality


def test_records_embedded_from_kept_crops_have_the_features_of_the_new_bundle(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    asked = [
        sighting(1, id="whole"),
        sighting(2, (Modality.RGB,), id="rgb", camera="gate", attributes={"colour": "red"}),
        sighting(3, (Modality.NIR, Modality.TIR), id="night", identity="v3"),
        sighting(4, id="told", tir_palette="grey", captured_at="2024-05-01T18:30:00+02:00"),
    ]
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(each, old_bundle) for each in asked])
    before = records_of(directory)

    summary = reindex(directory, new_bundle, QUIET)

    assert (summary.embedded, summary.rejected, summary.swapped) == (4, (), True)
    after = records_of(directory)
    for old, new, each in zip(before, after, asked, strict=True):
        expected = embedded(each, new_bundle)
        assert np.array_equal(new.features, expected.features)
        assert np.array_equal(new.mask, old.mask)
        assert told(new) == told(old)
    with closing(GalleryStore.open_existing(directory)) as store:
        assert store.facts.fingerprint == new_bundle.fingerprint
        assert store.facts.feature_size == 24
        assert store.thumbnail("night", Modality.NIR) == b"small " + asked[2].nir[-40:]  # type: ignore[index]
        assert store.thumbnail("night", Modality.RGB) is None
        assert store.ids_with_images(embedded(asked[1], new_bundle).images_hash or "") == ["rgb"]
        (added,) = store.add([embedded(sighting(9, id="next"), new_bundle)])
        assert added.sequence > before[-1].sequence


def told(record: object) -> tuple[object, ...]:
    names = ("sequence", "id", "identity", "camera", "scene", "captured_at", "attributes")
    more = ("content_hash", "source", "created_at")
    return tuple(getattr(record, name) for name in names + more)


def test_the_palette_that_was_told_is_told_again(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    # Colour that no palette has is read by luminance unless the client says which palette it is.
    images = {"tir": sighting(5, (Modality.RGB,)).rgb}
    plain, told_iron = (sighting(5, (Modality.TIR,), **images, **more) for more in ({}, IRON))
    expected = [embedded(each, new_bundle).features for each in (plain, told_iron)]
    assert not np.array_equal(expected[0], expected[1])
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(each, old_bundle) for each in (plain, told_iron)])
    reindex(directory, new_bundle, QUIET)
    for record, features in zip(records_of(directory), expected, strict=True):
        assert np.array_equal(record.features, features)


IRON = {"tir_palette": "iron"}


def test_records_embedded_from_original_files_are_those_of_indexing_anew(
    directory: Path, archive: Path, tmp_path: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    index(archive, old_bundle, directory)
    summary = reindex(directory, new_bundle, replace(QUIET, sources=(tmp_path, archive)))
    assert (summary.embedded, summary.swapped) == (6, True)
    index(archive, new_bundle, tmp_path / "anew")
    for record, other in zip(records_of(directory), records_of(tmp_path / "anew"), strict=True):
        assert np.array_equal(record.features, other.features)
        assert (record.source, record.content_hash) == (other.source, other.content_hash)


def test_what_was_indexed_is_skipped_when_it_is_indexed_with_the_new_bundle(
    directory: Path, archive: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    index(archive, old_bundle, directory)
    reindex(directory, new_bundle, replace(QUIET, sources=(archive,)))
    again = index_source(archive, new_bundle, directory, show_progress=False)
    assert (again.indexed, again.skipped) == (0, 6)


def test_kept_crops_are_taken_when_the_files_are_gone_and_are_carried_over(
    directory: Path, archive: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    index(archive, old_bundle, directory, keep_crops=True)
    archive.rename(archive.with_name("elsewhere"))
    assert reindex(directory, new_bundle, QUIET).swapped
    assert len(ids_of(directory)) == 6
    with closing(GalleryStore.open_existing(directory)) as store, store.database.reading() as rows:
        assert rows.execute("SELECT count(*) FROM record_crop").fetchone() == (6 + 3 + 2,)


def test_tiles_of_one_file_are_found_again(
    directory: Path, tmp_path: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    path = tmp_path / "wide" / "0001.png"
    write_picture(path, 3)
    tiles = {each: Tile(path, place, 2) for place, each in enumerate(MODALITIES[:2])}
    hashed = hash_images({each: content_of(tile) for each, tile in tiles.items()})
    features = np.ones((3, 16), dtype=np.float32)
    record = NewRecord(
        features,
        np.array([True, True, False]),
        id="tiles",
        images_hash=hashed,
        source=dict.fromkeys(tiles, "0001.png"),
    )
    with closing(open_store(directory, old_bundle)) as store:
        store.add([record])
    summary = reindex(directory, new_bundle, replace(QUIET, sources=(path.parent,)))
    assert summary.swapped, summary
    (stored,) = records_of(directory)
    left, right = (
        embedded(sighting(0, (each,), **{each.value: tile.read()}), new_bundle).features[each.index]
        for each, tile in tiles.items()
    )
    assert np.array_equal(stored.features[:2], [left, right])


def test_files_that_changed_since_and_images_that_nobody_kept_are_refused_with_the_reason(
    directory: Path, archive: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    index(archive, old_bundle, directory)
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(1, id="http"), old_bundle, keep_crops=False)])
    write_picture(archive / "1_rgb.jpg", 77)
    (archive / "2_nir.png").unlink()
    names = {record.source.get(Modality.RGB): record.id for record in records_of(directory)}

    summary = reindex(directory, new_bundle, replace(QUIET, sources=(archive,)))

    assert (summary.swapped, summary.verification, summary.embedded) == (False, None, 4)
    assert summary.rejects == directory / "reindex-rejects.jsonl"
    lines = [json.loads(line) for line in summary.rejects.read_text().splitlines()]
    reasons = {line["id"]: line["reason"] for line in lines}
    assert "SHA-256" in reasons[names["1_rgb.jpg"]]
    assert "--source" in reasons[names["2_rgb.jpg"]]
    assert "kept nowhere" in reasons["http"]
    assert len(reasons) == 3
    with closing(open_store(directory, old_bundle)) as store:
        assert store.count() == 7

    write_picture(archive / "1_rgb.jpg", 1)
    write_picture(archive / "2_nir.png", 102, mode="L")
    with closing(open_store(directory, old_bundle)) as store:
        store.delete(["http"])
    again = reindex(directory, new_bundle, replace(QUIET, sources=(archive,)))
    assert (again.embedded, again.swapped, again.rejects) == (2, True, None)
    assert not summary.rejects.exists()


def test_a_gallery_can_be_swapped_without_what_cannot_be_embedded_when_that_is_asked_for(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with closing(open_store(directory, old_bundle)) as store:
        store.add(
            [
                embedded(sighting(1, id="kept"), old_bundle),
                embedded(sighting(2, id="lost"), old_bundle, keep_crops=False),
            ]
        )
    summary = reindex(directory, new_bundle, replace(QUIET, drop_missing=True))
    assert summary.swapped
    assert [each.id for each in summary.rejected] == ["lost"]
    assert summary.verification is not None
    assert (summary.verification.records, summary.verification.left_out) == (1, 1)
    assert ids_of(directory) == ["kept"]


def test_what_is_enrolled_deleted_and_relabelled_before_the_swap_is_in_the_new_generation(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(n, id=f"r{n}"), old_bundle) for n in range(5)])
        built = reindex(directory, new_bundle, replace(QUIET, swap=False))
        assert (built.embedded, built.swapped) == (5, False)
        assert built.verification is not None
        assert built.verification.sound
        assert store.facts.fingerprint == old_bundle.fingerprint
        store.delete(["r0", "r3"])
        store.relabel("r1", Labels(identity="v1", camera="yard"), "hash")
        store.add([embedded(sighting(7, id="r7"), old_bundle)])
        # Deleted and stored again under its id: other images.
        store.delete(["r2"])
        store.add([embedded(sighting(8, id="r2"), old_bundle)])
        before = records_of(directory)

        summary = reindex(directory, new_bundle, QUIET)

    # The relabelled one has the images it had, so it is not embedded a second time.
    assert (summary.embedded, summary.swapped) == (2, True)
    after = records_of(directory)
    assert [told(each) for each in after] == [told(each) for each in before]
    assert [each.id for each in after] == ["r4", "r1", "r7", "r2"]
    assert after[1].identity == "v1"
    for record, identity in zip(after, (4, 1, 7, 8), strict=True):
        assert np.array_equal(record.features, embedded(sighting(identity), new_bundle).features)


def test_running_it_again_does_nothing(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(1), old_bundle)])
    assert reindex(directory, new_bundle, QUIET).swapped
    again = reindex(directory, new_bundle, QUIET)
    assert (again.swapped, again.served, again.embedded) == (False, True, 0)


def test_an_empty_gallery_is_swapped_too(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    open_store(directory, old_bundle).close()
    assert reindex(directory, new_bundle, QUIET).swapped
    assert served_generation(directory) != "."
    assert ids_of(directory) == []


def test_the_message_for_another_bundle_names_the_command_and_then_the_gallery_opens(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    with closing(open_store(directory, old_bundle)) as store:
        store.add([embedded(sighting(1, id="a"), old_bundle)])
    with pytest.raises(FingerprintMismatch, match="vreid reindex --bundle"):
        Gallery.open(directory, new_bundle)
    reindex(directory, new_bundle, QUIET)
    with Gallery.open(directory, new_bundle, follow_interval=None) as gallery:
        query = embedded(sighting(1), new_bundle)
        (match,) = gallery.search(query.features, query.mask, k=1)
        assert match.record.id == "a"
        assert gallery.info().directory == directory
    with pytest.raises(FingerprintMismatch):
        Gallery.open(directory, old_bundle)


def test_two_processes_do_not_work_on_generations_at_once(
    directory: Path, old_bundle: Bundle, new_bundle: Bundle
) -> None:
    open_store(directory, old_bundle).close()
    with only_one(directory), pytest.raises(ReindexingRunning, match="--status"):
        reindex(directory, new_bundle, QUIET)


def test_there_has_to_be_a_gallery(directory: Path, new_bundle: Bundle) -> None:
    with pytest.raises(GalleryNotFound):
        reindex(directory, new_bundle, QUIET)
    assert not directory.exists()
