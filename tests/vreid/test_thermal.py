from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from vreid.decoding import decode_image
from vreid.errors import ConfigurationError, UnsupportedImage
from vreid.palettes import PALETTES
from vreid.thermal import (
    ThermalRendering,
    detect_palette,
    grey_to_palette,
    palette_to_grey,
    percentiles,
    radiometric_to_grey,
    render_thermal,
)


def warm_body(height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """A smooth warm spot on a cold slope, in grey levels."""
    rows, columns = np.mgrid[0:height, 0:width]
    spot = np.exp(-((rows - height / 2) ** 2 + (columns - width / 2) ** 2) / 200)
    return np.asarray(np.clip(columns + 160 * spot, 0, 255).astype(np.uint8))


def as_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return decode_image(stream.getvalue()).astype(np.uint8)


# 16-bit


def test_the_percentiles_become_black_and_white_and_the_rest_is_linear() -> None:
    values = np.arange(10_001, dtype=np.uint16).reshape(1, -1) + 3000
    grey = radiometric_to_grey(values, 10, 90)[0]
    assert (grey[:1000] == 0).all()
    assert (grey[9001:] == 255).all()
    assert grey[5000] == 128
    assert (np.diff(grey.astype(int)) >= 0).all()


def test_scaling_does_not_depend_on_the_sensors_offset_and_gain() -> None:
    values = np.random.default_rng(1).integers(0, 1000, (40, 60)).astype(np.uint16)
    np.testing.assert_array_equal(
        radiometric_to_grey(values, 1, 99),
        radiometric_to_grey((values * 8 + 20_000).astype(np.uint16), 1, 99),
    )


def test_an_image_of_one_value_becomes_mid_grey() -> None:
    assert (radiometric_to_grey(np.full((4, 4), 30_000, dtype=np.uint16), 1, 99) == 128).all()


def test_a_small_warm_spot_on_a_flat_scene_still_shows() -> None:
    values = np.full((100, 100), 20_000, dtype=np.uint16)
    values[50, 50] = 21_000
    grey = radiometric_to_grey(values, 1, 99)
    assert grey[50, 50] == 255
    assert grey[0, 0] == 0


@given(arrays.arrays(np.uint16, (6, 7)))
def test_hotter_is_never_darker(values: NDArray[np.uint16]) -> None:
    order = np.argsort(values, axis=None)
    grey = radiometric_to_grey(values, 1, 99).ravel()[order].astype(int)
    assert (np.diff(grey) >= 0).all()


# Palettes


@pytest.mark.parametrize("palette", PALETTES)
@given(arrays.arrays(np.uint8, (5, 5)))
def test_grey_survives_the_way_into_a_palette_and_back(
    palette: str, grey: NDArray[np.uint8]
) -> None:
    back = palette_to_grey(grey_to_palette(grey, palette), palette)
    assert np.abs(back.astype(int) - grey).max() <= 2


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("quality", [95, 75])
def test_grey_survives_a_palette_and_jpeg(palette: str, quality: int) -> None:
    grey = warm_body()
    back = palette_to_grey(as_jpeg(grey_to_palette(grey, palette), quality), palette)
    assert np.abs(back.astype(int) - grey).mean() < 6


def test_the_way_back_to_grey_does_not_rescale() -> None:
    grey = np.full((8, 8), 100, dtype=np.uint8)
    assert abs(int(palette_to_grey(grey_to_palette(grey, "iron"), "iron")[0, 0]) - 100) <= 2


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("quality", [95, 75, 50])
def test_a_palette_is_recognised_through_jpeg(palette: str, quality: int) -> None:
    assert detect_palette(as_jpeg(grey_to_palette(warm_body(), palette), quality)) == palette


@pytest.mark.parametrize("palette", PALETTES)
def test_a_palette_is_recognised_on_an_image_of_a_few_pixels(palette: str) -> None:
    assert detect_palette(grey_to_palette(warm_body(6, 9) * 2, palette)) == palette


def test_grey_and_photographs_and_darkness_are_no_palette() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    green = np.zeros((40, 60, 3), dtype=np.uint8)
    green[..., 1] = warm_body(40, 60)
    assert detect_palette(grey_to_palette(warm_body(), "grey")) is None
    assert detect_palette(noise) is None
    assert detect_palette(green) is None
    assert detect_palette(noise // 32) is None
    assert detect_palette(np.zeros((8, 8, 3), dtype=np.uint8)) is None


# Rendering: three arrivals, two wants


@pytest.mark.parametrize("style", ["grey", *PALETTES])
def test_every_arrival_is_rendered_alike(style: str) -> None:
    grey = warm_body()
    rendering = ThermalRendering(style, 0, 100)
    low, high = int(grey.min()), int(grey.max())
    radiometric = (grey.astype(np.uint16) * 100 + 5000).astype(np.uint16)
    stretched = ((grey.astype(float) - low) / (high - low) * 255).round().astype(np.uint8)
    expected = grey_to_palette(grey, style).astype(int)

    assert np.abs(render_thermal(grey, rendering) - expected).max() == 0
    for palette in PALETTES:
        arrived = grey_to_palette(grey, palette)
        shown = palette_to_grey(render_thermal(arrived, rendering), style).astype(int)
        assert np.abs(shown - grey).max() <= 4
    shown = palette_to_grey(render_thermal(radiometric, rendering), style).astype(int)
    assert np.abs(shown - stretched).max() <= 3


def test_an_image_in_the_wanted_palette_passes_unchanged() -> None:
    arrived = as_jpeg(grey_to_palette(warm_body(), "iron"), 80)
    np.testing.assert_array_equal(render_thermal(arrived, ThermalRendering("iron")), arrived)


def test_the_measured_palette_can_be_overridden() -> None:
    arrived = grey_to_palette(warm_body(), "inferno")
    by_luminance = render_thermal(arrived, ThermalRendering("grey"), palette="grey")
    luminance = np.asarray(Image.fromarray(arrived).convert("L")).astype(int)
    assert np.abs(by_luminance[:, :, 0].astype(int) - luminance).max() <= 1
    kept = render_thermal(arrived // 8, ThermalRendering("inferno"), palette="inferno")
    np.testing.assert_array_equal(kept, arrived // 8)


def test_colours_of_no_palette_are_read_by_luminance() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        render_thermal(noise, ThermalRendering("grey")),
        render_thermal(noise, ThermalRendering("grey"), palette="grey"),
    )


# Refusals


def test_unknown_styles_and_palettes_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="'rainbow' is no thermal style; use one of grey"):
        ThermalRendering("rainbow")
    with pytest.raises(ConfigurationError, match="leave it out to have it measured"):
        render_thermal(warm_body(), ThermalRendering(), palette="rainbow")
    with pytest.raises(ConfigurationError):
        palette_to_grey(np.zeros((2, 2, 3), dtype=np.uint8), "rainbow")


@given(st.tuples(st.floats(-10, 110), st.floats(-10, 110)))
def test_percentiles_out_of_order_are_refused(percentiles: tuple[float, float]) -> None:
    low, high = percentiles
    if 0 <= low < high <= 100:
        assert ThermalRendering("grey", low, high).low_percentile == low
    else:
        with pytest.raises(ConfigurationError, match="0 <= low < high <= 100"):
            ThermalRendering("grey", low, high)


def test_pixels_of_another_kind_are_refused() -> None:
    with pytest.raises(UnsupportedImage):
        render_thermal(np.zeros((2, 2, 4), dtype=np.uint8), ThermalRendering())
    with pytest.raises(UnsupportedImage):
        render_thermal(np.zeros((2, 2), dtype=np.float32), ThermalRendering())  # type: ignore[arg-type]


# Counting instead of sorting


@given(
    levels=arrays.arrays(np.uint8, st.integers(1, 300)),
    shares=st.lists(st.floats(0, 100), min_size=1, max_size=3),
)
def test_counted_percentiles_are_numpys(levels: NDArray[np.uint8], shares: list[float]) -> None:
    np.testing.assert_allclose(percentiles(levels, shares), np.percentile(levels, shares))


def test_grey_saved_as_colour_is_its_own_luminance() -> None:
    grey = warm_body()
    colour = grey_to_palette(grey, "grey")
    np.testing.assert_array_equal(palette_to_grey(colour, "grey"), grey)
    colour[0, 0] = (10, 20, 30)
    assert palette_to_grey(colour, "grey")[0, 0] == 18
    np.testing.assert_array_equal(palette_to_grey(colour, "grey")[1:], grey[1:])
