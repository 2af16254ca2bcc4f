"""The folder layout of MSVR310."""

from pathlib import Path

import pytest

from vreid.errors import DatasetError
from vreid.layouts.msvr310 import is_identity_tree, read_samples
from vreid.modality import Modality


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_the_three_folders_are_paired_by_name(tmp_path: Path) -> None:
    first, second = "0007_s012_v3_000.jpg", "0007_s013_v4_001.jpg"
    touch(tmp_path, *(f"0007/{kind}/{first}" for kind in ("vis", "ni", "th")))
    touch(tmp_path, f"0007/th/{second}")
    assert is_identity_tree(tmp_path)
    complete, thermal = read_samples(tmp_path)
    assert complete.mask.all()
    assert (complete.identity, complete.scene) == ("0007", "012")
    assert complete.attributes == {"view": "3"}
    assert complete.name == "0007/0007_s012_v3_000"
    assert list(thermal.images) == [Modality.TIR]


def test_other_names_have_no_scene_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a/vis/front.png", "a/vis/.part", "b/ni/rear.png")
    assert [(s.identity, s.scene) for s in read_samples(tmp_path)] == [("a", None), ("b", None)]


def test_another_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "pictures/one.jpg")
    assert not is_identity_tree(tmp_path)
    with pytest.raises(DatasetError, match="give the folder that does"):
        list(read_samples(tmp_path))


def test_a_second_picture_of_a_name_is_a_sample_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path, "a/vis/1.jpg", "a/vis/1.png", "a/ni/1.jpg")
    samples = {sample.name: sample for sample in read_samples(tmp_path)}
    assert set(samples) == {"a/1", "a/1.png"}
    assert samples["a/1"].images[Modality.RGB] == tmp_path / "a/vis/1.jpg"
    assert samples["a/1.png"].images == {Modality.RGB: tmp_path / "a/vis/1.png"}
