"""JPEG files past Pillow give what Pillow gives, or are left to it."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vreid.decoding import declared_size, decode_image
from vreid.errors import UndecodableImage
from vreid.jpeg import decode_jpeg, jpeg_size, scale_for


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """Smooth colours with some detail, as a photograph has."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, **options: Any) -> bytes:  # noqa: ANN401
    stream = BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def by_pillow(data: bytes, at_least: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    image = Image.open(BytesIO(data))
    if at_least is not None:
        image.draft(None, (at_least[1], at_least[0]))
    return np.asarray(image)


@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    quality=st.integers(5, 100),
    subsampling=st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]),
    progressive=st.booleans(),
    colour=st.sampled_from(["RGB", "L"]),
)
def test_the_pixels_are_pillows_to_the_last_bit(
    width: int, height: int, quality: int, subsampling: str, progressive: bool, colour: str
) -> None:
    options: dict[str, Any] = {"quality": quality, "progressive": progressive}
    if colour == "RGB":
        options["subsampling"] = subsampling
    data = jpeg(photograph(width, height).convert(colour), **options)
    pixels = decode_jpeg(data)
    assert pixels is not None
    np.testing.assert_array_equal(pixels, by_pillow(data))


@pytest.mark.parametrize("at_least", [(100, 130), (50, 65), (49, 66), (20, 20), (300, 300)])
@pytest.mark.parametrize("colour", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_smaller_pictures_are_pillows_too(
    at_least: tuple[int, int], colour: str, progressive: bool
) -> None:
    data = jpeg(photograph(523, 401).convert(colour), progressive=progressive)
    pixels = decode_jpeg(data, at_least)
    assert pixels is not None
    np.testing.assert_array_equal(pixels, by_pillow(data, at_least))


@given(
    size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    at_least=st.tuples(st.integers(1, 500), st.integers(1, 500)),
)
def test_the_scale_leaves_as_much_as_must_remain(
    size: tuple[int, int], at_least: tuple[int, int]
) -> None:
    scale = scale_for(size, at_least)
    if scale > 1:
        assert all(side // scale >= kept for side, kept in zip(size, at_least, strict=True))
    if scale < 8:
        assert any(side < kept * scale * 2 for side, kept in zip(size, at_least, strict=True))


def test_the_size_is_told_by_the_header_alone() -> None:
    data = jpeg(photograph(70, 50))
    assert jpeg_size(data) == (70, 50)
    assert declared_size(data[: len(data) - 200]) == (70, 50)


def test_turned_pictures_are_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_jpeg(jpeg(photograph(40, 30), exif=exif)) is None


def test_cmyk_is_left_to_pillow() -> None:
    data = jpeg(photograph(40, 30).convert("CMYK"))
    assert decode_jpeg(data) is None
    assert decode_image(data).shape == (30, 40, 3)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_is_cut_off_is_left_to_pillow_which_says_so(share: float) -> None:
    data = jpeg(photograph(200, 150), quality=95)
    cut = data[: int(len(data) * share)]
    assert decode_jpeg(cut) is None
    with pytest.raises(UndecodableImage, match="truncated or corrupt"):
        decode_image(cut)


def test_the_pixels_are_the_callers_own() -> None:
    pixels = decode_image(jpeg(photograph(40, 30)))
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
