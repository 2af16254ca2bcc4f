"""Images as they were sent are kept when that is asked for, and as long as their record."""

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.gallery.store.crops import KeptCrops, crop_rows, kept_crops
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.backup import back_up, restore
from service.gallery.upkeep.doctor import examine
from service.indexing.job import index_source
from service.indexing.preparation import Prepared, prepare
from service.indexing.source import SourceItem
from tests.bundles import make_tiny_bundle
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from tests.service.indexing.pictures import write_picture
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS, decode_image
from vreid.image_source import Tile
from vreid.modality import Modality
from vreid.sample import Sample


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


def open_store(directory: Path) -> GalleryStore:
    return GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)


def image(seed: int) -> bytes:
    return random.Random(seed).randbytes(5000)


def kept(store: GalleryStore, record_id: str) -> KeptCrops:
    with store.database.reading() as connection:
        return kept_crops(crop_rows(connection, store.get(record_id).sequence))


def bytes_of(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_an_image_is_stored_once_with_what_was_told_of_its_colours(tmp_path: Path) -> None:
    images = {Modality.RGB: image(1), Modality.TIR: image(2)}
    with closing(open_store(tmp_path)) as store:
        store.add([new_record(n, id=f"r{n}", crops=images, tir_palette="iron") for n in range(3)])
        store.add([new_record(7, id="other", crops={Modality.RGB: image(2)})])
        assert kept(store, "r2") == KeptCrops(images, "iron")
        assert kept(store, "other") == KeptCrops({Modality.RGB: image(2)}, None)
        assert examine(store).crops == 2
    assert bytes_of(tmp_path).count(image(1)[:200]) == 1


def test_an_image_goes_with_the_last_record_of_it_and_leaves_no_byte(tmp_path: Path) -> None:
    images = {Modality.RGB: image(1)}
    with closing(open_store(tmp_path)) as store:
        store.add([new_record(n, id=f"r{n}", crops=images) for n in range(2)])
        store.add([new_record(2, id="none")])
        store.delete(["r0"])
        assert image(1)[:200] in bytes_of(tmp_path)
        store.delete(["r1"])
        assert image(1)[:200] not in bytes_of(tmp_path)
        assert (examine(store).crops, kept(store, "none").images) == (0, {})


def test_they_are_in_a_backup(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "gallery")) as store:
        store.add([new_record(1, id="a", crops={Modality.NIR: image(1)})])
        assert back_up(store, tmp_path / "backup").crops == 1
    assert restore(tmp_path / "backup", tmp_path / "again").crops == 1
    with closing(open_store(tmp_path / "again")) as store:
        assert kept(store, "a").images == {Modality.NIR: image(1)}


def test_a_damaged_one_is_named_and_moved_into_quarantine_until_its_record_is_deleted(
    tmp_path: Path,
) -> None:
    with closing(open_store(tmp_path)) as store:
        crops = {Modality.RGB: image(1), Modality.NIR: image(2)}
        store.add([new_record(1, id="a", crops=crops)])
        with closing(sqlite3.connect(store.path)) as connection, connection:
            connection.execute("UPDATE crop SET image = ? WHERE image = ?", (image(3), image(2)))
        assert kept(store, "a").damaged == (Modality.NIR,)
        (finding,) = examine(store).findings
        assert (finding.kind, finding.subject, finding.repaired) == ("crop", "a nir", None)
        assert examine(store, repair=True).sound
        assert set(kept(store, "a").images) == {Modality.RGB}
        assert examine(store).findings == ()
        assert image(3)[:200] in bytes_of(tmp_path)
        store.delete(["a"])
        assert image(3)[:200] not in bytes_of(tmp_path)


def test_those_of_no_record_are_found_and_removed(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        store.add([new_record(1, id="a", crops={Modality.RGB: image(1)})])
        with closing(sqlite3.connect(store.path)) as connection, connection:
            connection.execute("DELETE FROM record_crop")
        (finding,) = examine(store, repair=True).findings
        assert (finding.subject, finding.repaired) == ("1 kept images", "removed")
        assert examine(store).crops == 0


@pytest.mark.parametrize(("setting", "expected"), [("none", {}), ("encoded", triplet(3))])
def test_the_service_keeps_what_was_enrolled_when_it_is_set_to(
    tmp_path: Path, bundle: Bundle, setting: str, expected: dict[str, bytes]
) -> None:
    with running_service(bundle.path, tmp_path / "gallery", keep_crops=setting) as (client, _):
        enrol(client, "a")
        with closing(GalleryStore.open_existing(tmp_path / "gallery")) as store:
            crops = kept(store, "a")
    assert {each.value: data for each, data in crops.images.items()} == expected
    assert crops.tir_palette == (None if setting == "none" else "grey")


def enrol(client: httpx.Client, record_id: str) -> None:
    data = {"id": record_id, "tir_palette": "grey", "attributes": json.dumps({"colour": "red"})}
    assert client.post("/gallery", files=triplet(3), data=data).status_code == 201


def test_a_tile_of_a_file_is_kept_as_a_picture_of_its_own_with_the_same_pixels(
    tmp_path: Path, bundle: Bundle
) -> None:
    path = write_picture(tmp_path / "wide.jpg", 1)
    tiles = {each: Tile(path, place, 2) for place, each in enumerate(list(Modality)[:2])}
    prepared = prepare(
        SourceItem("wide", Sample(tiles)),
        bundle.manifest.preprocessing,
        DEFAULT_LIMITS,
        lambda content_hash: False,
        keep_crops=True,
    )
    assert isinstance(prepared, Prepared)
    for modality, tile in tiles.items():
        expected = tile.cut(tile.decoded())
        assert np.array_equal(decode_image(prepared.crops[modality]), expected)


@pytest.mark.parametrize("keep", [False, True])
def test_the_indexing_job_keeps_files_byte_for_byte_when_it_is_told_to(
    tmp_path: Path, bundle: Bundle, keep: bool
) -> None:
    path = write_picture(tmp_path / "source" / "a.jpg", 1)
    index_source(path.parent, bundle, tmp_path / "gallery", keep_crops=keep, show_progress=False)
    with closing(GalleryStore.open_existing(tmp_path / "gallery")) as store:
        (record,) = store.all_records()
        expected = {Modality.RGB: path.read_bytes()} if keep else {}
        assert kept(store, record.id).images == expected
