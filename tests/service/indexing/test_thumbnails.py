"""Thumbnails: small, and nothing but the picture."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.indexing import thumbnails
from service.indexing.thumbnails import KEPT_LONG_SIDE, LONG_SIDE, make_thumbnail
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
    return make_thumbnail(decode_image(data), Modality.RGB, PREPROCESSING)


def exif() -> Image.Exif:
    data = Image.Exif()
    data[0x010E] = PLATE.decode()
    return data


PLATE = b"number plate AB-C 123"
PLAIN = jpeg(64, 48)
JFIF_END = 2 + 18

WITH_PASSENGERS = {
    "EXIF": jpeg(64, 48, exif=exif()),
    "a comment": jpeg(64, 48, comment=PLATE),
    "a colour profile": jpeg(64, 48, icc_profile=PLATE),
    "something after its end": PLAIN + PLATE,
    "something at the end of its scan": PLAIN[:-2] + PLATE + PLAIN[-2:],
    "a second APP0 of any text": (
        PLAIN[:JFIF_END] + b"\xff\xe0" + (2 + len(PLATE)).to_bytes(2, "big") + PLATE
    )
    + PLAIN[JFIF_END:],
}


@pytest.mark.parametrize("what", WITH_PASSENGERS)
def test_nothing_but_the_picture_comes_into_a_thumbnail(what: str) -> None:
    data = WITH_PASSENGERS[what]
    assert PLATE in data
    thumbnail = thumbnail_of(data)
    assert PLATE not in thumbnail
    with Image.open(BytesIO(thumbnail)) as shown:
        assert shown.size == (64, 48)
        assert not shown.getexif()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    ("size", "shown_size"),
    [
        ((1, 1), (1, 1)),
        ((KEPT_LONG_SIDE, 100), (KEPT_LONG_SIDE, 100)),
        ((2 * LONG_SIDE, LONG_SIDE), (LONG_SIDE, LONG_SIDE // 2)),
    ],
)
def test_large_pictures_are_made_small_and_small_ones_keep_their_size(
    size: tuple[int, int], shown_size: tuple[int, int], mode: str
) -> None:
    with Image.open(BytesIO(thumbnail_of(jpeg(*size, mode=mode)))) as shown:
        assert (shown.size, shown.mode) == (shown_size, mode)


def test_it_looks_like_the_picture_with_and_without_the_fast_encoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = jpeg(160, 120)
    fast = decode_image(thumbnail_of(data)).astype(int)
    monkeypatch.setattr(thumbnails, "simplejpeg", None)
    plain = decode_image(thumbnail_of(data)).astype(int)
    for shown in (fast, plain):
        assert np.abs(shown - decode_image(data)).mean() < 3


def test_radiometric_pixels_are_scaled_as_the_model_scales_them() -> None:
    levels = np.linspace(20_000, 21_000, 64 * 48).reshape(48, 64).astype(np.uint16)
    jpeg_of = make_thumbnail(levels, Modality.TIR, PREPROCESSING)
    with Image.open(BytesIO(jpeg_of)) as shown:
        assert shown.size == (64, 48)
        assert np.ptp(np.asarray(shown)) > 200
