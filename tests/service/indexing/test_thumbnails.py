"""Thumbnails, and JPEG files that are small enough to be their own."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.indexing.plain_jpeg import plain_jpeg_size
from service.indexing.thumbnails import KEPT_BYTES, KEPT_LONG_SIDE, LONG_SIDE, make_thumbnail
from vreid.decoding import decode_image
from vreid.modality import Modality
from vreid.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(32, 32)


def jpeg(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    ramp = np.linspace(0, 255, width * height).reshape(height, width).astype(np.uint8)
    encoded = BytesIO()
    Image.fromarray(ramp).convert(mode).save(encoded, "JPEG", **options)
    return encoded.getvalue()


def thumbnail_of(data: bytes) -> bytes:
    return make_thumbnail(decode_image(data), Modality.RGB, PREPROCESSING, data)


def exif() -> Image.Exif:
    data = Image.Exif()
    data[0x010E] = "number plate AB-C 123"
    return data


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(1, 1), (17, 300), (640, 480)])
def test_the_size_of_a_plain_jpeg_is_told(size: tuple[int, int], mode: str) -> None:
    assert plain_jpeg_size(jpeg(*size, mode=mode)) == size


PLAIN = jpeg(64, 48)

NOT_PLAIN = {
    "EXIF": jpeg(64, 48, exif=exif()),
    "a comment": jpeg(64, 48, comment="plate"),
    "a colour profile": jpeg(64, 48, icc_profile=b"profile"),
    "four inks": jpeg(64, 48, mode="CMYK"),
    "several scans": jpeg(64, 48, progressive=True),
    "something after its end": PLAIN + b"plate",
    "another picture after its end": PLAIN + PLAIN,
    "no end": PLAIN[:-2],
    "a comment after its scan": PLAIN[:-2] + b"\xff\xfe\x00\x07plate" + PLAIN[-2:],
    "another format": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_a_jpeg_with_anything_else_is_not_plain(what: str) -> None:
    assert plain_jpeg_size(NOT_PLAIN[what]) is None


@given(cut=st.integers(0, len(PLAIN) - 1))
def test_a_plain_jpeg_that_is_cut_short_is_not_plain(cut: int) -> None:
    assert plain_jpeg_size(PLAIN[:cut]) is None


@given(at=st.integers(0, len(PLAIN) - 1), value=st.integers(0, 255))
def test_damage_raises_nothing(at: int, value: int) -> None:
    damaged = PLAIN[:at] + bytes([value]) + PLAIN[at + 1 :]
    assert plain_jpeg_size(damaged) is None or plain_jpeg_size(damaged) != (0, 0)


def test_a_small_plain_jpeg_is_its_own_thumbnail() -> None:
    data = jpeg(KEPT_LONG_SIDE, 100)
    assert thumbnail_of(data) == data


@pytest.mark.parametrize(
    "data",
    [
        jpeg(KEPT_LONG_SIDE + 1, 100),
        jpeg(100, KEPT_LONG_SIDE, exif=exif()),
        jpeg(100, 90, comment="x" * 10),
    ],
    ids=["too large", "EXIF", "comment"],
)
def test_any_other_is_made_small_and_loses_what_is_not_the_picture(data: bytes) -> None:
    thumbnail = thumbnail_of(data)
    assert plain_jpeg_size(thumbnail) is not None
    with Image.open(BytesIO(thumbnail)) as shown, Image.open(BytesIO(data)) as picture:
        assert max(shown.size) == min(LONG_SIDE, max(picture.size))


def test_a_file_of_many_bytes_is_encoded_again(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (250, 250, 3), np.uint8)
    encoded = BytesIO()
    Image.fromarray(noise).save(encoded, "JPEG", quality=95)
    data = encoded.getvalue()
    assert len(data) > KEPT_BYTES
    assert len(thumbnail_of(data)) < len(data)


def test_radiometric_pixels_are_scaled_as_the_model_scales_them() -> None:
    levels = np.linspace(20_000, 21_000, 64 * 48).reshape(48, 64).astype(np.uint16)
    jpeg_of = make_thumbnail(levels, Modality.TIR, PREPROCESSING)
    with Image.open(BytesIO(jpeg_of)) as shown:
        assert shown.size == (64, 48)
        assert np.ptp(np.asarray(shown)) > 200
