import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from vreid.palettes import PALETTES, cells_of, nearest_levels, nearest_of_cells, palette_table

INFERNO_OF_MATPLOTLIB = {0: (0, 0, 4), 64: (87, 16, 110), 128: (188, 55, 84), 255: (252, 255, 164)}


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    # Made once in a process, outside of the time that an example may take.
    for palette in PALETTES:
        nearest_levels(np.zeros((1, 1, 3), dtype=np.uint8), palette)


def test_inferno_is_matplotlibs() -> None:
    table = palette_table("inferno").astype(int)
    for level, colour in INFERNO_OF_MATPLOTLIB.items():
        assert np.abs(table[level] - colour).max() <= 2


@pytest.mark.parametrize("palette", PALETTES)
def test_each_palette_has_256_different_colours_growing_brighter(palette: str) -> None:
    table = palette_table(palette)
    assert len(np.unique(table, axis=0)) == 256
    luminance = table @ [0.299, 0.587, 0.114]
    assert luminance[0] < 8
    assert luminance[-1] > 235
    assert (np.diff(luminance) > -1).all()


@pytest.mark.parametrize("palette", PALETTES)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_the_level_is_the_nearest_to_the_middle_of_the_colours_cell(
    palette: str, pixels: NDArray[np.uint8]
) -> None:
    middles = pixels // 4 * 4 + 1.5
    distances = np.square(middles[:, :, None] - palette_table(palette)).sum(axis=-1)
    np.testing.assert_array_equal(nearest_levels(pixels, palette), distances.argmin(axis=-1))


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_levels_are_the_same_whether_colours_lie_by_pixels_or_by_channels(
    pixels: NDArray[np.uint8],
) -> None:
    cells = cells_of(pixels.reshape(-1, 3).T)
    for palette in PALETTES:
        levels = nearest_of_cells(cells, palette).reshape(pixels.shape[:2])
        np.testing.assert_array_equal(nearest_levels(pixels, palette), levels)


def test_pixels_need_not_lie_one_after_the_other() -> None:
    whole = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    part = whole[1:9:2, ::-3]
    np.testing.assert_array_equal(
        nearest_levels(part, "iron"), nearest_levels(whole, "iron")[1:9:2, ::-3]
    )


@pytest.mark.parametrize("size", [(700, 300), (3, 70_000)])
def test_large_pictures_are_read_like_their_parts(size: tuple[int, int]) -> None:
    whole = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    levels = nearest_levels(whole, "inferno")
    for rows in (slice(0, 2), slice(size[0] // 2, None)):
        np.testing.assert_array_equal(
            nearest_levels(whole[rows, :50], "inferno"), levels[rows, :50]
        )
