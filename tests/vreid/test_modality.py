import pytest

from vreid.errors import UnknownModality
from vreid.modality import MODALITIES, Modality, modalities_of, parse_modality, subset_name


def test_the_order_is_rgb_nir_tir_and_the_index_follows_it() -> None:
    assert MODALITIES == (Modality.RGB, Modality.NIR, Modality.TIR)
    assert [modality.index for modality in MODALITIES] == [0, 1, 2]
    assert [str(modality) for modality in MODALITIES] == ["rgb", "nir", "tir"]


@pytest.mark.parametrize("name", ["tir", "TIR", " Tir "])
def test_a_name_is_parsed_in_any_case(name: str) -> None:
    assert parse_modality(name) is Modality.TIR


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownModality, match="'swir' is no modality; use one of rgb, nir, tir"):
        parse_modality("swir")


def test_a_subset_is_named_in_the_fixed_order() -> None:
    assert subset_name([Modality.TIR, Modality.RGB]) == "rgb+tir"
    assert subset_name([]) == ""


def test_a_mask_row_gives_its_modalities() -> None:
    assert modalities_of([False, True, True]) == (Modality.NIR, Modality.TIR)
