"""Large JPEG files are decoded smaller where not every pixel is wanted."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vreid.decoding import ImageLimits, decode_image
from vreid.errors import ImageTooLarge
from vreid.resizing import resize_bilinear

BRANCH = (64, 64)


def scene(width: int, height: int) -> Image.Image:
    coarse = np.random.default_rng(2).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, format_name: str = "JPEG", **options: Any) -> bytes:  # noqa: ANN401
    stream = BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def shrunk(data: bytes, at_least: tuple[int, int] | None) -> NDArray[np.int64]:
    pixels = decode_image(data, at_least=at_least).astype(np.uint8)
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
    return resize_bilinear(colour, *BRANCH).astype(np.int64)


@pytest.mark.parametrize(
    ("size", "decoded"),
    [
        ((511, 511), (511, 511)),
        ((512, 512), (256, 256)),
        ((512, 4000), (256, 2000)),
        ((1023, 1500), (512, 750)),
        ((2048, 2100), (256, 263)),
        ((9000, 8000), (1125, 1000)),
    ],
)
def test_both_sides_stay_at_least_four_times_what_is_wanted(
    size: tuple[int, int], decoded: tuple[int, int]
) -> None:
    data = encoded(Image.new("RGB", (size[1], size[0])))
    assert decode_image(data, ImageLimits(max_pixels=80_000_000), BRANCH).shape[:2] == decoded


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_what_is_made_of_it_stays_the_same_but_for_few_levels(mode: str, progressive: bool) -> None:
    data = encoded(scene(1300, 1100).convert(mode), quality=92, progressive=progressive)
    whole, smaller = shrunk(data, None), shrunk(data, BRANCH)
    assert decode_image(data, at_least=BRANCH).shape[0] < 1100
    assert np.abs(whole - smaller).mean() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_keep_enough_of_the_sides_they_have_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(scene(1100, 600), exif=exif)
    # Upright, 1 to 4 are 600 high and 1100 wide, the others 1100 high and 600 wide.
    at_least = (75, 130) if orientation < 5 else (130, 75)
    across = (130, 75) if orientation < 5 else (75, 130)
    assert sorted(decode_image(data, at_least=at_least).shape[:2]) == [300, 550]
    assert sorted(decode_image(data, at_least=across).shape[:2]) == [600, 1100]
    whole, smaller = shrunk(data, None), shrunk(data, at_least)
    assert np.abs(whole - smaller).mean() < 1


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "BMP", "TIFF"])
def test_other_formats_are_decoded_whole(format_name: str) -> None:
    data = encoded(Image.new("RGB", (1100, 1000)), format_name)
    assert decode_image(data, at_least=BRANCH).shape == (1000, 1100, 3)


def test_the_limits_are_of_the_whole_picture() -> None:
    data = encoded(Image.new("RGB", (1100, 1000)))
    with pytest.raises(ImageTooLarge, match="1100 x 1000"):
        decode_image(data, ImageLimits(max_pixels=1_000_000), BRANCH)
