"""The MSVR310 loader, on a tree with the data set's real file names."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.shared_data import NAMES, needs_shared_data
from tests.training.images import small_msvr310, write_msvr310
from training.data import Dataset, load_dataset
from vreid.errors import DatasetError
from vreid.modality import MODALITIES


@pytest.fixture(scope="module")
def real_names(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Queries are all gallery samples of identities with two or more scenes."""
    train = (NAMES / "msvr310-train.txt").read_text().split()
    gallery = (NAMES / "msvr310-test.txt").read_text().split()
    scenes = defaultdict(set)
    for name in gallery:
        scenes[name[:4]].add(name[5:9])
    query = [name for name in gallery if len(scenes[name[:4]]) > 1]
    tree = {"bounding_box_train": train, "bounding_box_test": gallery, "query3": query}
    root = write_msvr310(tmp_path_factory.mktemp("msvr310"), tree, decodable=False)
    return load_dataset("msvr310", root)


@needs_shared_data
@pytest.mark.parametrize(
    ("split", "identities", "samples"),
    [("train", 155, 1032), ("gallery", 155, 1055), ("query", 52, 591)],
)
def test_the_real_names_give_the_published_counts(
    real_names: Dataset, split: str, identities: int, samples: int
) -> None:
    found = getattr(real_names, split)
    assert len(found) == samples
    assert len({sample.identity for sample in found}) == identities


@needs_shared_data
def test_the_real_names_are_read_as_documented(real_names: Dataset) -> None:
    assert real_names.junk == "scene"
    first = real_names.train[0]
    assert (first.identity, first.scene, first.attributes["view"]) == ("0001", "002", "0")
    assert first.mask.all()


def test_a_sample_holds_the_same_name_of_all_three_folders(tmp_path: Path) -> None:
    dataset = load_dataset("msvr310", small_msvr310(tmp_path))
    for sample in dataset.train:
        folders = [
            source.parent.name
            for source in (sample.images[modality] for modality in MODALITIES)
            if isinstance(source, Path)
        ]
        assert folders == ["vis", "ni", "th"]


def test_a_name_without_a_partner_is_a_sample_with_a_missing_modality(tmp_path: Path) -> None:
    root = small_msvr310(tmp_path)
    (root / "bounding_box_train/0001/ni/0001_s000_v0_000.jpg").unlink()
    dataset = load_dataset("msvr310", root)
    assert dataset.train[0].mask.tolist() == [True, False, True]


def test_another_folder_is_refused_with_what_was_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DatasetError, match=r"expected .*bounding_box_train.* found pictures"):
        load_dataset("msvr310", tmp_path)


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found nothing"):
        load_dataset("msvr310", tmp_path / "absent")


def test_a_name_of_another_identity_is_refused(tmp_path: Path) -> None:
    root = small_msvr310(tmp_path)
    folder = root / "query3" / "0002" / "vis"
    (folder / "0002_s000_v0_000.jpg").rename(folder / "0009_s000_v0_000.jpg")
    with pytest.raises(DatasetError, match=r"0009_s000_v0_000\.jpg.*expected 0002_s"):
        load_dataset("msvr310", root)


def test_an_unknown_data_set_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="msvr310"):
        load_dataset("msvr301", tmp_path)
