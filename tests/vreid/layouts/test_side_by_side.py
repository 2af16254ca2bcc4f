"""The layout of RGBNT100 and RGBN300."""

from pathlib import Path

import numpy as np
import pytest

from tests.public_trees import colour_of, write_tiles
from vreid.decoding import decode_image
from vreid.errors import DatasetError
from vreid.layouts.public_sets import RGBN300, RGBNT100
from vreid.modality import MODALITIES, Modality

NAME = "0012_c0003_004.jpg"


def test_each_tile_is_the_image_of_its_modality_from_left_to_right(tmp_path: Path) -> None:
    write_tiles(tmp_path / NAME, 12, 3)
    (sample,) = RGBNT100.arrangement.read(tmp_path)
    assert (sample.identity, sample.camera, sample.scene) == ("0012", "0003", None)
    assert sample.name == "0012_c0003_004"
    for number, modality in enumerate(MODALITIES):
        pixels = decode_image(sample.read(modality))
        assert pixels.shape == (128, 256, 3)
        np.testing.assert_allclose(
            pixels.reshape(-1, 3).astype(float),
            np.broadcast_to(colour_of(12, number), (128 * 256, 3)),
            atol=3,
        )


def test_of_two_tiles_the_thermal_image_is_missing(tmp_path: Path) -> None:
    write_tiles(tmp_path / NAME, 12, 2)
    (sample,) = RGBN300.arrangement.read(tmp_path)
    assert list(sample.images) == [Modality.RGB, Modality.NIR]


def test_the_header_tells_two_tiles_from_three(tmp_path: Path) -> None:
    for tiles in (1, 2, 3):
        write_tiles(tmp_path / str(tiles) / NAME, 12, tiles)
    held = {
        each.name: [tiles for tiles in (1, 2, 3) if each.arrangement.holds(tmp_path / str(tiles))]
        for each in (RGBNT100, RGBN300)
    }
    assert held == {"rgbnt100": [3], "rgbn300": [2]}


def test_a_damaged_file_does_not_hide_the_others_and_other_names_are_not_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "0001_c0001_000.jpg").write_bytes(b"damaged")
    assert not RGBNT100.arrangement.holds(tmp_path)
    write_tiles(tmp_path / "panorama.jpg", 1, 3)
    assert not RGBNT100.arrangement.holds(tmp_path)
    write_tiles(tmp_path / NAME, 1, 3)
    assert RGBNT100.arrangement.holds(tmp_path)


def test_what_is_no_picture_is_passed_over_and_nothing_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "Thumbs.db").touch()
    with pytest.raises(DatasetError, match="holds no pictures"):
        list(RGBNT100.arrangement.read(tmp_path))
