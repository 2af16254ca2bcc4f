import pickle
from pathlib import Path

import pytest

from vreid.errors import NoModality, SampleError, UnknownModality, UnreadableImage
from vreid.modality import Modality
from vreid.sample import Sample


def test_the_mask_says_which_images_are_there() -> None:
    sample = Sample({Modality.TIR: b"t", Modality.RGB: b"r"})
    assert sample.mask.tolist() == [True, False, True]


def test_the_images_stand_in_the_fixed_order_whatever_the_order_given() -> None:
    sample = Sample({Modality.TIR: b"t", Modality.RGB: b"r"})
    assert list(sample.images) == [Modality.RGB, Modality.TIR]


def test_bytes_and_paths_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "n.png").write_bytes(b"from disk")
    sample = Sample({Modality.RGB: b"in memory", Modality.NIR: tmp_path / "n.png"})
    assert sample.read(Modality.RGB) == b"in memory"
    assert sample.read(Modality.NIR) == b"from disk"


def test_no_image_at_all_is_refused() -> None:
    with pytest.raises(NoModality, match="give at least one of rgb, nir, tir"):
        Sample({})


def test_reading_a_missing_modality_names_those_that_are_there() -> None:
    with pytest.raises(NoModality, match="sample a1 has no tir image, only rgb"):
        Sample({Modality.RGB: b"r"}, name="a1").read(Modality.TIR)


def test_reading_a_file_that_is_gone_names_it(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"gone\.png cannot be read"):
        Sample({Modality.RGB: tmp_path / "gone.png"}).read(Modality.RGB)


def test_a_name_that_no_file_can_have_is_unreadable() -> None:
    with pytest.raises(UnreadableImage, match="null byte"):
        Sample({Modality.RGB: Path("a\0b.png")}).read(Modality.RGB)


def test_a_foreign_modality_is_refused() -> None:
    with pytest.raises(UnknownModality):
        Sample({"swir": b"x"})  # type: ignore[dict-item]


def test_an_image_that_is_neither_path_nor_bytes_is_refused() -> None:
    with pytest.raises(SampleError, match=r"is a str; give a pathlib\.Path"):
        Sample({Modality.RGB: "a.png"})  # type: ignore[dict-item]


def test_a_sample_travels_to_another_process() -> None:
    sample = Sample({Modality.RGB: b"r"}, identity="7", attributes={"colour": "red"})
    assert pickle.loads(pickle.dumps(sample)) == sample
