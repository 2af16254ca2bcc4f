"""Which data set lies where."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.public_trees import write_rgbnt201, write_tiled_set, write_wmveid863
from tests.training.images import small_msvr310
from vreid.errors import DatasetError
from vreid.layouts.archive_tree import archive_tree_at
from vreid.layouts.public_sets import (
    PUBLIC_SETS,
    RGBNT100,
    RGBNT201,
    WMVEID863,
    public_set_at,
)

TREES: dict[str, Callable[[Path], Path]] = {
    "msvr310": lambda root: small_msvr310(root, 2),
    "rgbnt100": lambda root: write_tiled_set(root, 3, identities=2),
    "rgbn300": lambda root: write_tiled_set(root, 2, identities=2),
    "rgbnt201": lambda root: write_rgbnt201(root, 2),
    "wmveid863": lambda root: write_wmveid863(root, shared=2),
}


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_each_set_is_recognised_as_itself(name: str, tmp_path: Path) -> None:
    found = public_set_at(TREES[name](tmp_path))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("name", "gallery", "samples"),
    [
        ("msvr310", "bounding_box_test", 8),
        ("rgbnt100", "rgbir/bounding_box_test", 8),
        ("rgbn300", "rgbir/bounding_box_test", 8),
        ("rgbnt201", "test", 8),
        ("wmveid863", "test", 9),
    ],
)
def test_of_a_whole_set_the_gallery_is_the_archive(
    name: str, gallery: str, samples: int, tmp_path: Path
) -> None:
    root = TREES[name](tmp_path)
    tree = archive_tree_at(root)
    assert tree is not None
    assert (tree.folder, tree.set_name) == (root / gallery, PUBLIC_SETS[name].title)
    read = list(tree.read())
    assert len(read) == samples
    assert all(PUBLIC_SETS[name].naming_problem(sample) is None for sample in read)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("msvr310", "query3"),
        ("rgbnt100", "rgbir/query"),
        ("rgbn300", "rgbir/query"),
        ("rgbnt201", "train_171"),
        ("wmveid863", "query"),
    ],
)
def test_a_folder_of_a_split_is_an_archive_by_itself(
    name: str, folder: str, tmp_path: Path
) -> None:
    root = TREES[name](tmp_path)
    tree = archive_tree_at(root / folder)
    assert tree is not None
    assert (tree.folder, tree.set_name) == (root / folder, None)
    assert all(PUBLIC_SETS[name].naming_problem(sample) is None for sample in tree.read())


def test_a_plain_folder_of_pictures_is_no_set(tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    (tmp_path / "0001_c0001_000.png").touch()
    assert public_set_at(tmp_path) is None
    assert archive_tree_at(tmp_path) is None
    assert archive_tree_at(tmp_path / "absent") is None


@pytest.mark.parametrize("wrapper", ["", "rgbir", "rgbirt"])
def test_the_folder_above_the_splits_may_be_there_or_not(wrapper: str, tmp_path: Path) -> None:
    for split in ("bounding_box_train", "query", "bounding_box_test"):
        (tmp_path / wrapper / split).mkdir(parents=True)
    assert RGBNT100.folders_at(tmp_path)["query"] == tmp_path / wrapper / "query"


@pytest.mark.parametrize("gallery", ["test", "gallery"])
def test_the_gallery_of_wmveid863_has_two_names(gallery: str, tmp_path: Path) -> None:
    for split in ("train", "query", gallery):
        (tmp_path / split).mkdir()
    assert WMVEID863.folders_at(tmp_path)["gallery"] == tmp_path / gallery


def test_the_test_folder_of_rgbnt201_is_query_and_gallery(tmp_path: Path) -> None:
    folders = RGBNT201.folders_at(write_rgbnt201(tmp_path, 1))
    assert folders["query"] == folders["gallery"] == tmp_path / "test"


def test_what_is_missing_is_named_with_what_is_there(tmp_path: Path) -> None:
    for name in ("train", "query", "gallary"):
        (tmp_path / name).mkdir()
    with pytest.raises(DatasetError) as refused:
        WMVEID863.folders_at(tmp_path)
    message = str(refused.value)
    assert f"{tmp_path} is no WMVeID863 tree" in message
    assert "missing test or gallery" in message
    assert "found gallary, query, train" in message
    assert "{train,query,test|gallery}/<identity>/{vis,ni,th}/" in message


def test_a_folder_too_high_is_refused_with_the_right_one(tmp_path: Path) -> None:
    write_rgbnt201(tmp_path / "unpacked", 1)
    with pytest.raises(DatasetError, match=r"unpacked holds them, give that one"):
        RGBNT201.folders_at(tmp_path)
