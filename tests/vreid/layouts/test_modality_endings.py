from pathlib import Path

import pytest

from vreid.layouts.modality_endings import samples_by_ending, split_ending
from vreid.modality import Modality


@pytest.mark.parametrize(
    ("name", "sample", "modality"),
    [
        ("a_rgb.jpg", "a", Modality.RGB),
        ("a_NIR.png", "a", Modality.NIR),
        ("a.b_tir.tiff", "a.b", Modality.TIR),
        ("a.jpg", "a", Modality.RGB),
        ("_tir.jpg", "_tir", Modality.RGB),
    ],
)
def test_the_ending_tells_the_modality(name: str, sample: str, modality: Modality) -> None:
    assert split_ending(Path("folder") / name) == (Path("folder") / sample, modality)


@pytest.mark.parametrize("modality", Modality)
def test_pictures_called_by_their_modality_are_the_sample_of_their_folder(
    modality: Modality,
) -> None:
    assert split_ending(Path(f"car/{modality}.jpg")) == (Path("car"), modality)


def test_pictures_of_one_name_and_folder_are_one_sample() -> None:
    paths = [Path(each) for each in ("x/a_tir.png", "x/b.jpg", "x/a_rgb.jpg", "y/a_nir.png")]
    assert samples_by_ending(paths) == {
        Path("x/a"): {Modality.TIR: paths[0], Modality.RGB: paths[2]},
        Path("x/b"): {Modality.RGB: paths[1]},
        Path("y/a"): {Modality.NIR: paths[3]},
    }


def test_a_second_picture_of_the_same_modality_is_a_sample_of_its_own() -> None:
    paths = [Path("a.jpg"), Path("a.png")]
    assert list(samples_by_ending(paths)) == [Path("a"), Path("a.png")]
