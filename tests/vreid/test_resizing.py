"""The one resize rule, by vector instructions and by Pillow."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vreid.resizing import resize_bilinear, resize_by_pillow

SIDES = st.integers(1, 120)


def noise(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(height=SIDES, width=SIDES, new_height=SIDES, new_width=SIDES, seed=st.integers(0, 1000))
@example(height=50, width=56, new_height=53, new_width=99, seed=0)
def test_no_number_is_more_than_one_level_off_pillows_after_either_pass(
    height: int, width: int, new_height: int, new_width: int, seed: int
) -> None:
    pixels = noise(height, width, seed)
    for sides in ((height, new_width), (new_height, width)):
        ours = resize_bilinear(pixels, *sides).astype(int)
        assert np.abs(ours - resize_by_pillow(pixels, *sides)).max() <= 1
    both = resize_bilinear(pixels, new_height, new_width).astype(int)
    assert np.abs(both - resize_by_pillow(pixels, new_height, new_width)).max() <= 2


@pytest.mark.parametrize(
    "size", [(144, 256), (300, 300), (90, 400), (700, 500), (40, 30), (1080, 1920)]
)
def test_few_numbers_are_off_at_all(size: tuple[int, int]) -> None:
    pixels = noise(*size, seed=4)
    different = resize_bilinear(pixels, 192, 192) != resize_by_pillow(pixels, 192, 192)
    assert different.mean() < 0.01


@given(height=SIDES, width=SIDES, new_height=SIDES, new_width=SIDES, seed=st.integers(0, 1000))
def test_grey_becomes_what_each_of_three_equal_channels_becomes(
    height: int, width: int, new_height: int, new_width: int, seed: int
) -> None:
    grey = noise(height, width, seed)[..., 0]
    for resized in (resize_bilinear, resize_by_pillow):
        found = resized(np.repeat(grey[..., None], 3, axis=2), new_height, new_width)
        np.testing.assert_array_equal(resized(grey, new_height, new_width), found[..., 0])
        np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_rows_come_first_whatever_the_sizes() -> None:
    pixels = noise(200, 30, 1)
    rows = Image.fromarray(pixels).resize((60, 200), Image.Resampling.BILINEAR)
    expected = rows.resize((60, 20), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(resize_by_pillow(pixels, 20, 60), expected)


def test_the_same_size_passes_unchanged() -> None:
    pixels = noise(20, 30, 0)
    assert resize_bilinear(pixels, 20, 30) is pixels


def test_what_is_not_contiguous_is_resized_as_it_looks() -> None:
    pixels = noise(60, 80, 5)
    turned = pixels[::-1].swapaxes(0, 1)
    np.testing.assert_array_equal(
        resize_bilinear(turned, 30, 20), resize_bilinear(np.ascontiguousarray(turned), 30, 20)
    )


def test_threads_resize_at_the_same_time() -> None:
    pictures = [noise(50 + number, 70, number) for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        resized = list(pool.map(lambda pixels: resize_bilinear(pixels, 33, 44), pictures))
    for pixels, result in zip(pictures, resized, strict=True):
        np.testing.assert_array_equal(result, resize_bilinear(pixels, 33, 44))
