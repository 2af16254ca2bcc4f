"""What a file's header says of its size, before any pixel is decoded."""

from io import BytesIO

import pytest
from PIL import Image

from vreid.decoding import ImageLimits, declared_pixels
from vreid.errors import EmptyImage, ImageTooLarge, UndecodableImage, UnsupportedImage


def picture(form: str, **options: object) -> bytes:
    encoded = BytesIO()
    noise = Image.effect_noise((40, 30), 60).convert("RGB")
    noise.save(encoded, form, **options)
    return encoded.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_every_format_declares_its_pixels(form: str) -> None:
    assert declared_pixels(picture(form)) == 40 * 30


def test_a_file_without_its_pixels_still_declares_them() -> None:
    data = picture("PNG")
    assert declared_pixels(data[: len(data) // 2]) == 40 * 30


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_limits_are_those_of_decoding(form: str) -> None:
    data = picture(form)
    with pytest.raises(ImageTooLarge, match="40 x 30"):
        declared_pixels(data, ImageLimits(max_pixels=40 * 30 - 1))
    with pytest.raises(ImageTooLarge, match="MiB"):
        declared_pixels(data, ImageLimits(max_bytes=len(data) - 1))


def test_what_is_no_image_is_refused_as_by_decoding() -> None:
    with pytest.raises(EmptyImage):
        declared_pixels(b"")
    with pytest.raises(UnsupportedImage):
        declared_pixels(b"GIF89a" + bytes(40))
    for form in ("JPEG", "PNG", "WEBP", "BMP", "TIFF"):
        with pytest.raises(UndecodableImage):
            declared_pixels(picture(form)[:12])
