"""Archives laid out like the public data sets."""

from pathlib import Path

import pytest

from service.gallery.record import Record
from service.gallery.store.store import GalleryStore
from service.indexing.job import index_source
from service.indexing.source import read_source, remarks
from tests.bundles import make_tiny_bundle
from tests.public_trees import write_rgbnt201, write_tiled_set, write_tiles, write_wmveid863
from vreid.bundle import Bundle
from vreid.modality import Modality


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


def test_a_tiled_set_is_indexed_with_identity_and_camera_of_its_names(
    tmp_path: Path, bundle: Bundle
) -> None:
    root, gallery = write_tiled_set(tmp_path / "set", 2, identities=2), tmp_path / "gallery"
    odd = root / "rgbir/bounding_box_test/0003_c0001_000.jpg"
    write_tiles(odd, 3, 3)
    summary = index_source(root, bundle, gallery)
    # Pictures of one identity and camera are the same bytes here: one record each.
    assert (summary.indexed, summary.skipped, summary.rejected) == (4, 3, 1)
    assert summary.rejects is not None
    assert "0003_c0001_000.jpg has 768 x 128 pixels" in summary.rejects.read_text()
    store = GalleryStore.open_existing(gallery)
    records = [each for each in store.records_after(0, 100) if isinstance(each, Record)]
    store.close()
    assert {(record.identity, record.camera) for record in records} == {
        ("0003", "0001"),
        ("0003", "0002"),
        ("0004", "0001"),
        ("0004", "0002"),
    }
    for record in records:
        assert record.mask.tolist() == [True, True, False]
        assert set(record.source.values()) <= {
            f"rgbir/bounding_box_test/{path.name}"
            for path in (root / "rgbir/bounding_box_test").iterdir()
        }
    again = index_source(root, bundle, gallery)
    assert (again.indexed, again.skipped) == (0, 7)


def test_the_other_sets_give_their_galleries_labels(tmp_path: Path) -> None:
    people = [item.sample for item in read_source(write_rgbnt201(tmp_path / "people", 1))]
    assert [(each.identity, each.camera) for each in people if each is not None] == [
        ("000101", "1"),
        ("000101", "1"),
        ("000101", "2"),
        ("000101", "2"),
    ]
    vehicles = [
        item.sample
        for item in read_source(write_wmveid863(tmp_path / "vehicles", "gallery", shared=1))
    ]
    assert len(vehicles) == 6
    second = vehicles[1]
    assert second is not None
    assert (second.identity, second.scene) == ("0001", "001")
    assert list(second.images) == [Modality.RGB, Modality.TIR]


def test_which_folder_is_indexed_is_remarked(tmp_path: Path) -> None:
    root = write_rgbnt201(tmp_path, 1)
    (remark,) = remarks(root)
    assert remark.startswith(f"indexing {root / 'test'}, the gallery of RGBNT201")
    assert remarks(root / "train_171") == []
