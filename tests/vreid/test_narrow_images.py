"""Pictures that are narrower than the grid by which their colours are sampled."""

import warnings

import numpy as np
import pytest

from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import modality_warnings, palette_of


@pytest.mark.parametrize("shape", [(1, 300_000), (300_000, 1), (1, 1), (2, 400_000)])
@pytest.mark.parametrize("modality", MODALITIES)
def test_some_of_their_pixels_are_looked_at(shape: tuple[int, int], modality: Modality) -> None:
    colour = np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = modality_warnings(colour, modality, palette_of(colour, modality, None))
    assert isinstance(said, list)


def test_a_narrow_picture_in_colour_is_no_near_infrared() -> None:
    red = np.zeros((1, 300_000, 3), dtype=np.uint8)
    red[..., 0] = 200
    assert modality_warnings(red, Modality.NIR)
