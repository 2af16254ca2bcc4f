"""The loaders of the public data sets."""

import shutil
from pathlib import Path

import pytest

from tests.msvr310_names import write_real_msvr310
from tests.public_trees import write_plain, write_rgbnt201, write_tiled_set, write_wmveid863
from tests.shared_data import needs_shared_data
from tests.training.images import small_msvr310
from training.config import SourceConfig
from training.data import Dataset, load_dataset
from training.sources import load_training_samples
from vreid.errors import DatasetError
from vreid.image_source import Tile
from vreid.layouts.public_sets import PUBLIC_SETS
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample


@pytest.fixture(scope="module")
def real_names(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset("msvr310", write_real_msvr310(tmp_path_factory.mktemp("msvr310")))


@needs_shared_data
@pytest.mark.parametrize(
    ("split", "identities", "samples"),
    [("train", 155, 1032), ("gallery", 155, 1055), ("query", 52, 591)],
)
def test_the_real_names_of_msvr310_give_the_published_counts(
    real_names: Dataset, split: str, identities: int, samples: int
) -> None:
    found = getattr(real_names, split)
    assert len(found) == samples
    assert len({sample.identity for sample in found}) == identities


@needs_shared_data
def test_the_real_names_of_msvr310_are_read_as_documented(real_names: Dataset) -> None:
    assert real_names.junk == "scene"
    first = real_names.train[0]
    assert (first.identity, first.scene, first.attributes["view"]) == ("0001", "002", "0")
    assert first.mask.all()


def file_folders(sample: Sample) -> list[str]:
    sources = [sample.images[modality] for modality in sample.images]
    return [source.parent.name for source in sources if isinstance(source, Path)]


def test_a_sample_holds_the_same_name_of_all_three_folders(tmp_path: Path) -> None:
    for sample in load_dataset("msvr310", small_msvr310(tmp_path)).train:
        assert list(sample.images) == list(MODALITIES)
        assert file_folders(sample) == ["vis", "ni", "th"]


def test_a_name_without_a_partner_is_a_sample_with_a_missing_modality(tmp_path: Path) -> None:
    root = small_msvr310(tmp_path)
    (root / "bounding_box_train/0001/ni/0001_s000_v0_000.jpg").unlink()
    dataset = load_dataset("msvr310", root)
    assert dataset.train[0].mask.tolist() == [True, False, True]


@pytest.mark.parametrize("wrapper", ["", "rgbir", "rgbirt"])
def test_rgbnt100_is_three_tiles_of_one_file(wrapper: str, tmp_path: Path) -> None:
    root = write_tiled_set(tmp_path, 3, wrapper, identities=2)
    dataset = load_dataset("rgbnt100", root)
    assert (dataset.name, dataset.junk) == ("rgbnt100", "camera")
    assert [len(part) for part in (dataset.train, dataset.query, dataset.gallery)] == [8, 4, 8]
    first = dataset.train[0]
    assert (first.identity, first.camera) == ("0001", "0001")
    assert first.name == "bounding_box_train/0001_c0001_000"
    path = root / wrapper / "bounding_box_train" / "0001_c0001_000.jpg"
    assert first.images == {
        modality: Tile(path, number, 3, aspect=2) for number, modality in enumerate(MODALITIES)
    }


def test_rgbn300_lacks_the_thermal_image(tmp_path: Path) -> None:
    dataset = load_dataset("rgbn300", write_tiled_set(tmp_path, 2, identities=2))
    assert dataset.junk == "camera"
    for sample in (*dataset.train, *dataset.query, *dataset.gallery):
        assert list(sample.images) == [Modality.RGB, Modality.NIR]


def test_rgbnt201_is_queried_with_its_gallery(tmp_path: Path) -> None:
    dataset = load_dataset("rgbnt201", write_rgbnt201(tmp_path))
    assert dataset.junk == "camera"
    assert list(dataset.query) == list(dataset.gallery)
    first = dataset.train[0]
    assert (first.identity, first.camera, first.attributes) == ("000001", "1", {"time": "0"})
    assert file_folders(first) == ["RGB", "NI", "TI"]


@pytest.mark.parametrize("gallery", ["test", "gallery"])
def test_wmveid863_is_paired_by_name_and_shares_identities(gallery: str, tmp_path: Path) -> None:
    dataset = load_dataset("wmveid863", write_wmveid863(tmp_path, gallery))
    assert dataset.junk == "view"
    for sample in dataset.gallery:
        files = {path.name for path in sample.images.values() if isinstance(path, Path)}
        assert len(files) == 1
        assert sample.mask.tolist() == [True, sample.attributes["view"] != "1", True]
    shared = {each.identity for each in dataset.train} & {each.identity for each in dataset.gallery}
    assert len(shared) == 7


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_another_folder_is_refused_with_what_was_expected_and_found(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    first = PUBLIC_SETS[name].folders["train"][0]
    with pytest.raises(DatasetError, match=rf"expected .*{first}.* found pictures"):
        load_dataset(name, tmp_path)


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_an_absent_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found nothing"):
        load_dataset(name, tmp_path / "absent")


def test_a_name_of_another_identity_is_refused(tmp_path: Path) -> None:
    root = small_msvr310(tmp_path)
    folder = root / "query3" / "0002" / "vis"
    (folder / "0002_s000_v0_000.jpg").rename(folder / "0009_s000_v0_000.jpg")
    with pytest.raises(DatasetError, match=r"0009_s000_v0_000\.jpg is not named .*identity 0002"):
        load_dataset("msvr310", root)


def test_a_name_of_another_data_set_is_refused(tmp_path: Path) -> None:
    root = write_rgbnt201(tmp_path)
    write_plain(root / "test" / "TI" / "0101_c0001_000.jpg", 1, 2)
    with pytest.raises(DatasetError, match=r"0101_c0001_000\.jpg .*expected <6 digits>_cam"):
        load_dataset("rgbnt201", root)


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    for name in ("train_171", "test"):
        (tmp_path / name / "RGB").mkdir(parents=True)
    with pytest.raises(DatasetError, match="train_171 holds no pictures"):
        load_dataset("rgbnt201", tmp_path)


@pytest.mark.parametrize("empty", [False, True], ids=["absent", "empty"])
def test_a_copy_without_training_identities_is_loaded_for_measuring(
    empty: bool, tmp_path: Path
) -> None:
    root = small_msvr310(tmp_path)
    whole = load_dataset("msvr310", root)
    shutil.rmtree(root / "bounding_box_train")
    if empty:
        (root / "bounding_box_train").mkdir()
    found = load_dataset("msvr310", root)
    assert (list(found.query), list(found.gallery)) == (list(whole.query), list(whole.gallery))
    assert list(found.train) == []
    source = SourceConfig(
        dataset="msvr310", root=root, identities_per_batch=2, samples_per_identity=2
    )
    with pytest.raises(DatasetError, match=r"source vehicles .* not trained on; give --data"):
        load_training_samples({"vehicles": source})


def test_a_training_folder_of_something_else_is_not_passed_over(tmp_path: Path) -> None:
    root = small_msvr310(tmp_path)
    (root / "bounding_box_train").rename(root / "kept_elsewhere")
    (root / "bounding_box_train").mkdir()
    (root / "bounding_box_train" / "notes.txt").touch()
    with pytest.raises(DatasetError, match="bounding_box_train holds no"):
        load_dataset("msvr310", root)


def test_an_unknown_data_set_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"'msvr301'; use one of msvr310, rgbnt100"):
        load_dataset("msvr301", tmp_path)


def test_a_public_set_takes_no_split_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="rgbn300 carries its own split"):
        load_dataset("rgbn300", tmp_path, tmp_path / "split.json")
