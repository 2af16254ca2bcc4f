"""The layout of MSVR310 and WMVeID863."""

from pathlib import Path

import pytest

from vreid.errors import DatasetError
from vreid.layouts.identity_folders import IdentityFolders
from vreid.layouts.public_sets import MSVR310, WMVEID863
from vreid.modality import Modality
from vreid.sample import Sample

BOTH = IdentityFolders((MSVR310.pattern, WMVEID863.pattern))


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def read(root: Path) -> list[Sample]:
    return list(BOTH.read(root))


def test_the_three_folders_are_paired_by_name(tmp_path: Path) -> None:
    first, second = "0007_s012_v3_000.jpg", "0007_s013_v4_001.jpg"
    touch(tmp_path, *(f"0007/{kind}/{first}" for kind in ("vis", "ni", "th")))
    touch(tmp_path, f"0007/th/{second}")
    assert BOTH.holds(tmp_path)
    complete, thermal = read(tmp_path)
    assert complete.mask.all()
    assert (complete.identity, complete.scene) == ("0007", "012")
    assert complete.attributes == {"view": "3"}
    assert complete.name == "0007/0007_s012_v3_000"
    assert list(thermal.images) == [Modality.TIR]


def test_names_of_wmveid863_tell_view_night_and_scene(tmp_path: Path) -> None:
    touch(tmp_path, "0012/vis/0012_v2_n9_s034_005.jpg")
    (sample,) = read(tmp_path)
    assert (sample.identity, sample.scene, sample.camera) == ("0012", "034", None)
    assert sample.attributes == {"view": "2", "night": "9"}


def test_pictures_in_other_places_of_the_folders_are_not_partners(tmp_path: Path) -> None:
    # By position the second of vis would go with the first of ni.
    touch(tmp_path, "1/vis/a.jpg", "1/vis/b.jpg", "1/ni/b.jpg")
    assert {sample.name: len(sample.images) for sample in read(tmp_path)} == {"1/a": 1, "1/b": 2}


def test_other_names_have_no_scene_and_what_is_no_picture_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a/vis/front.png", "a/vis/.part.png", "a/vis/Thumbs.db", "b/ni/rear.png")
    assert [(s.identity, s.scene) for s in read(tmp_path)] == [("a", None), ("b", None)]


def test_another_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "pictures/one.jpg")
    assert not BOTH.holds(tmp_path)
    with pytest.raises(DatasetError, match="give the folder that does"):
        read(tmp_path)


def test_a_second_picture_of_a_name_is_a_sample_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path, "a/vis/1.jpg", "a/vis/1.png", "a/ni/1.jpg")
    samples = {sample.name: sample for sample in read(tmp_path)}
    assert set(samples) == {"a/1", "a/1.png"}
    assert samples["a/1"].images[Modality.RGB] == tmp_path / "a/vis/1.jpg"
    assert samples["a/1.png"].images == {Modality.RGB: tmp_path / "a/vis/1.png"}
