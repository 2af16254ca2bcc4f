import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from tests.shared_data import PHOTOGRAPHS, needs_shared_data
from vreid.decoding import decode_image
from vreid.errors import ConfigurationError, UnknownModality, UnsupportedImage
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import (
    IMAGENET,
    Normalisation,
    Pixels,
    Preprocessing,
    branch_pixels,
    modality_warnings,
    normalise,
    preprocess,
    render,
    resize,
)
from vreid.thermal import STYLES, ThermalRendering, grey_to_palette

PREPROCESSING = Preprocessing(16, 32, thermal=ThermalRendering("grey", 0, 100))
SLOPE = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
PHOTOGRAPH = np.stack([SLOPE, SLOPE[:, ::-1], np.full_like(SLOPE, 90)], axis=2)


@st.composite
def preprocessings(draw: st.DrawFn) -> Preprocessing:
    share = st.floats(0, 1)
    positive = st.floats(0.01, 1)
    normalisation = st.builds(
        Normalisation, st.tuples(share, share, share), st.tuples(positive, positive, positive)
    )
    low = draw(st.floats(0, 49))
    return Preprocessing(
        draw(st.integers(1, 4096)),
        draw(st.integers(1, 4096)),
        {
            modality: draw(normalisation)
            for modality in draw(st.sets(st.sampled_from(MODALITIES), min_size=1))
        },
        ThermalRendering(draw(st.sampled_from(STYLES)), low, draw(st.floats(50, 100))),
    )


# Each step


def test_a_branchs_input_is_float32_with_channels_first() -> None:
    prepared = preprocess(PHOTOGRAPH, Modality.RGB, PREPROCESSING)
    assert prepared.shape == (3, 16, 32)
    assert prepared.dtype == np.float32
    assert prepared.flags.c_contiguous


@pytest.mark.parametrize("modality", MODALITIES)
def test_preprocessing_is_render_then_resize_then_normalise(modality: Modality) -> None:
    by_steps = normalise(
        resize(render(PHOTOGRAPH, modality, PREPROCESSING), PREPROCESSING), IMAGENET
    )
    np.testing.assert_array_equal(preprocess(PHOTOGRAPH, modality, PREPROCESSING), by_steps)


@given(
    style=st.sampled_from(STYLES),
    modality=st.sampled_from(MODALITIES),
    kind=st.sampled_from(["grey", "radiometric", "colour", "palette"]),
    palette=st.sampled_from([None, *STYLES]),
    sides=st.tuples(*[st.integers(1, 40)] * 4),
    seed=st.integers(0, 1000),
)
def test_whatever_arrives_is_rendered_and_then_resized(
    style: str,
    modality: Modality,
    kind: str,
    palette: str | None,
    sides: tuple[int, int, int, int],
    seed: int,
) -> None:
    height, width, branch_height, branch_width = sides
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    arrivals: dict[str, Pixels] = {
        "grey": levels[..., 0],
        "radiometric": levels[..., 0].astype(np.uint16) * 200,
        "colour": levels,
        "palette": grey_to_palette(levels[..., 0], "iron"),
    }
    pixels = arrivals[kind]
    rule = Preprocessing(branch_height, branch_width, thermal=ThermalRendering(style))
    np.testing.assert_array_equal(
        branch_pixels(pixels, modality, rule, palette),
        resize(render(pixels, modality, rule, palette), rule),
    )


def test_normalisation_scales_to_one_then_subtracts_the_mean_and_divides_by_the_deviation() -> None:
    pixels = np.full((2, 2, 3), 51, dtype=np.uint8)
    prepared = normalise(pixels, Normalisation((0.1, 0.2, 0.3), (0.5, 1, 0.25)))
    np.testing.assert_allclose(prepared[:, 0, 0], [0.2, 0.0, -0.4], atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.floats(0, 1)] * 3))
def test_a_batch_is_normalised_as_its_definition_says_to_the_last_bit(
    seed: int, mean: tuple[float, float, float]
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    normalisation = Normalisation(mean, IMAGENET.std)
    scaled = pixels.astype(np.float32) / np.float32(255) - np.array(mean, np.float32)
    expected = (scaled / np.array(IMAGENET.std, np.float32)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(normalise(pixels, normalisation), expected)
    one = np.empty((3, 5, 7), np.float32)
    assert normalise(pixels[1], normalisation, one) is one
    np.testing.assert_array_equal(one, expected[1])


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_engines_input_is_what_stands_before_normalisation(modality: Modality) -> None:
    prepared = branch_pixels(PHOTOGRAPH, modality, PREPROCESSING)
    assert prepared.dtype == np.uint8
    assert prepared.shape == (16, 32, 3)
    np.testing.assert_array_equal(
        normalise(prepared, IMAGENET), preprocess(PHOTOGRAPH, modality, PREPROCESSING)
    )


def test_shrinking_is_antialiased() -> None:
    chequered = np.repeat(np.indices((64, 64)).sum(axis=0)[:, :, None] % 2 * 255, 3, axis=2)
    shrunk = resize(chequered.astype(np.uint8), Preprocessing(8, 8))
    assert np.abs(shrunk.astype(int) - 127).max() < 20


def test_the_right_size_passes_unchanged() -> None:
    assert resize(PHOTOGRAPH, Preprocessing(48, 64)) is PHOTOGRAPH


@pytest.mark.parametrize("modality", MODALITIES)
def test_grey_becomes_three_equal_channels(modality: Modality) -> None:
    rendered = render(SLOPE, modality, PREPROCESSING)
    np.testing.assert_array_equal(rendered, np.repeat(SLOPE[:, :, None], 3, axis=2))


@pytest.mark.parametrize("modality", MODALITIES)
def test_sixteen_bits_are_scaled_by_the_percentiles(modality: Modality) -> None:
    radiometric = (SLOPE.astype(np.uint16) * 50 + 4000).astype(np.uint16)
    rendered = render(radiometric, modality, PREPROCESSING)
    assert np.abs(rendered[:, :, 0].astype(int) - SLOPE).max() <= 1


def test_only_thermal_images_are_taken_out_of_their_palette() -> None:
    thermal = grey_to_palette(SLOPE, "inferno")
    np.testing.assert_array_equal(render(thermal, Modality.RGB, PREPROCESSING), thermal)
    rendered = render(thermal, Modality.TIR, PREPROCESSING)
    assert np.abs(rendered[:, :, 1].astype(int) - SLOPE).max() <= 2


def test_pixels_of_another_kind_are_refused() -> None:
    for pixels in (
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ):
        with pytest.raises(UnsupportedImage):
            render(pixels, Modality.RGB, PREPROCESSING)


def test_an_image_for_a_branch_that_the_model_lacks_is_refused() -> None:
    only_rgb = Preprocessing(8, 8, {Modality.RGB: IMAGENET})
    with pytest.raises(ConfigurationError, match="no normalisation for tir; leave that image out"):
        preprocess(SLOPE, Modality.TIR, only_rgb)


# As JSON


@given(preprocessings())
def test_preprocessing_survives_json(preprocessing: Preprocessing) -> None:
    document = json.loads(json.dumps(preprocessing.to_json()))
    assert Preprocessing.from_json(document) == preprocessing


@pytest.mark.parametrize("name", ["height", "width", "resize", "normalisation", "thermal"])
def test_a_missing_field_is_named(name: str) -> None:
    document = PREPROCESSING.to_json()
    del document[name]
    with pytest.raises(ConfigurationError, match=f"preprocessing lacks the field '{name}'"):
        Preprocessing.from_json(document)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, r"preprocessing\.height must be a whole number of at least 1, not 0"),
        ({"height": 9000}, "height is 9000; give 1 to 4096 pixels"),
        ({"width": True}, r"preprocessing\.width must be a whole number"),
        ({"width": 12.5}, r"preprocessing\.width must be a whole number"),
        ({"resize": "nearest"}, "'nearest'"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"thermal": []}, r"preprocessing\.thermal must be a JSON object"),
        ({"thermal": {"style": "grey", "low_percentile": 1}}, "lacks the field 'high_percentile'"),
        ({"normalisation": {}}, "give one per modality"),
        ({"normalisation": {"rgb": {"mean": [0, 0], "std": [1, 1, 1]}}}, "mean must be 3 finite"),
        ({"normalisation": {"rgb": {"mean": [0, 0, 0], "std": [1, 0, 1]}}}, "above 0"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Preprocessing.from_json({**PREPROCESSING.to_json(), **change})


def test_a_foreign_modality_is_refused() -> None:
    document = PREPROCESSING.to_json()
    document["normalisation"]["swir"] = document["normalisation"]["rgb"]
    with pytest.raises(UnknownModality):
        Preprocessing.from_json(document)


# Warnings


def test_images_that_look_like_their_modality_raise_no_warning() -> None:
    assert modality_warnings(PHOTOGRAPH, Modality.RGB) == []
    assert modality_warnings(SLOPE, Modality.NIR) == []
    assert modality_warnings(np.repeat(SLOPE[:, :, None], 3, axis=2), Modality.NIR) == []
    assert modality_warnings(SLOPE, Modality.TIR) == []
    assert modality_warnings(SLOPE.astype(np.uint16), Modality.TIR) == []
    assert modality_warnings(grey_to_palette(SLOPE, "inferno"), Modality.TIR) == []


def test_near_infrared_with_colour_is_worth_a_warning() -> None:
    (warning,) = modality_warnings(PHOTOGRAPH, Modality.NIR)
    assert "nir image has colour; check that" in warning


def test_a_grey_daylight_image_is_worth_a_warning() -> None:
    for grey in (SLOPE, np.repeat(SLOPE[:, :, None], 3, axis=2)):
        (warning,) = modality_warnings(grey, Modality.RGB)
        assert "rgb image has no colour; check that" in warning


def test_a_nearly_black_night_image_is_not() -> None:
    assert modality_warnings(np.full((20, 20, 3), 3, dtype=np.uint8), Modality.RGB) == []


def test_thermal_colours_of_no_known_palette_are_worth_a_warning() -> None:
    (warning,) = modality_warnings(PHOTOGRAPH, Modality.TIR)
    assert "name its palette" in warning


@needs_shared_data
def test_real_photographs_of_vehicles_are_told_from_the_other_spectra() -> None:
    for path in sorted((PHOTOGRAPHS / "images").glob("*.jpg"))[::20]:
        pixels = decode_image(path.read_bytes())
        assert modality_warnings(pixels, Modality.RGB) == [], path.name
        assert len(modality_warnings(pixels, Modality.NIR)) == 1, path.name
        assert len(modality_warnings(pixels, Modality.TIR)) == 1, path.name
        shrunk = Image.open(path).convert("RGB").resize((32, 16), Image.Resampling.BILINEAR)
        expected = np.asarray(shrunk).astype(int)
        # In another order of rows and columns, a number may be one level off.
        assert abs(resize(pixels.astype(np.uint8), PREPROCESSING) - expected).max() <= 1


@given(
    arrays.arrays(np.uint8, st.integers(1, 500), elements=st.sampled_from([0, 3, 4, 5, 90])),
    st.integers(0, 12),
)
def test_a_picture_is_colourless_by_the_99th_percentile_of_its_chroma(
    strength: NDArray[np.uint8], colourful: int
) -> None:
    strength = np.where(np.arange(len(strength)) < colourful, strength, 0).astype(np.uint8)
    grey = np.full((1, len(strength), 3), 100, dtype=np.uint8)
    grey[0, :, 0] += strength
    warned = bool(modality_warnings(grey, Modality.RGB))
    assert warned == (np.percentile(strength, 99) <= 4)
