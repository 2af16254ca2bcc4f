import struct
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vreid.decoding import BACKGROUND, LARGEST_MAX_PIXELS, ImageLimits, decode_image
from vreid.errors import (
    ConfigurationError,
    EmptyImage,
    ImageError,
    ImageTooLarge,
    UndecodableImage,
    UnsupportedImage,
)

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
LOSSLESS = ("PNG", "WEBP", "BMP", "TIFF")


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:  # noqa: ANN401
    stream = BytesIO()
    if format_name == "WEBP":
        options.setdefault("lossless", True)
    image.save(stream, format_name, **options)
    return stream.getvalue()


def colour_pixels(height: int = 24, width: int = 40) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [rows * 255 // height, columns * 255 // width, (rows + columns) * 2]
    return np.stack(channels, axis=2).astype(np.uint8)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_declaring(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"0"))
    )


def tiff_declaring(tags: dict[int, int], order: str = "<") -> bytes:
    start = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(
        struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in sorted(tags.items())
    )
    return (
        start
        + struct.pack(order + "IH", 8, len(tags))
        + entries
        + struct.pack(order + "I", 0)
        + bytes(64)
    )


# What comes out


@pytest.mark.parametrize("format_name", LOSSLESS)
def test_colour_comes_out_as_it_went_in(format_name: str) -> None:
    pixels = colour_pixels()
    decoded = decode_image(encoded(Image.fromarray(pixels), format_name))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)


def test_jpeg_comes_out_close_to_what_went_in() -> None:
    pixels = colour_pixels()
    decoded = decode_image(encoded(Image.fromarray(pixels), "JPEG", quality=95))
    assert np.abs(decoded.astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP", "TIFF"])
def test_grey_comes_out_with_two_dimensions(format_name: str) -> None:
    grey = colour_pixels()[:, :, 1]
    decoded = decode_image(encoded(Image.fromarray(grey), format_name))
    assert decoded.shape == grey.shape
    assert np.abs(decoded.astype(int) - grey).max() <= (3 if format_name == "JPEG" else 0)


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_values(format_name: str) -> None:
    radiometric = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) * 60 + 7
    decoded = decode_image(encoded(Image.fromarray(radiometric), format_name))
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, radiometric)


def test_sixteen_bit_grey_that_counts_from_white_is_inverted() -> None:
    radiometric = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) * 60 + 7
    stored = encoded(Image.fromarray(radiometric), "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(decode_image(stored), 0xFFFF - radiometric)


def test_big_endian_sixteen_bit_grey_keeps_its_values() -> None:
    radiometric = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) * 60 + 7
    image = Image.frombytes("I;16B", (40, 24), radiometric.astype(">u2").tobytes())
    decoded = decode_image(encoded(image, "TIFF"))
    assert decoded.dtype == np.uint16
    assert decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, radiometric)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_keeps_its_values(compression: str) -> None:
    radiometric = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40)
    decoded = decode_image(encoded(Image.fromarray(radiometric), "TIFF", compression=compression))
    np.testing.assert_array_equal(decoded, radiometric)


def test_wide_integers_that_fit_into_sixteen_bits_are_radiometric() -> None:
    values = np.arange(60, dtype=np.int32).reshape(6, 10) * 1000
    decoded = decode_image(encoded(Image.fromarray(values), "TIFF"))
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, values)


@pytest.mark.parametrize("value", [-1, 70_000])
def test_wide_integers_that_do_not_fit_are_refused_with_advice(value: int) -> None:
    values = np.full((6, 10), value, dtype=np.int32)
    with pytest.raises(UnsupportedImage, match="beyond 16 bits; send unsigned 16-bit grey"):
        decode_image(encoded(Image.fromarray(values), "TIFF"))


def test_floating_point_is_refused_with_advice() -> None:
    values = np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)
    with pytest.raises(UnsupportedImage, match=r"floating-point values.*send 16-bit grey"):
        decode_image(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "TIFF"])
def test_one_bit_becomes_black_and_white(format_name: str) -> None:
    chequered = np.indices((8, 8)).sum(axis=0) % 2 == 0
    decoded = decode_image(encoded(Image.fromarray(chequered), format_name))
    np.testing.assert_array_equal(decoded, np.where(chequered, 255, 0))


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "TIFF"])
def test_palette_images_become_colour(format_name: str) -> None:
    image = Image.fromarray(colour_pixels()).quantize(16)
    decoded = decode_image(encoded(image, format_name))
    np.testing.assert_array_equal(decoded, np.asarray(image.convert("RGB")))


def test_transparent_palette_entries_are_laid_over_mid_grey() -> None:
    image = Image.new("P", (4, 2), 0)
    image.putpalette([200, 10, 10, 10, 200, 10])
    image.putpixel((0, 0), 1)
    decoded = decode_image(encoded(image, "PNG", transparency=0))
    assert decoded[0, 0].tolist() == [10, 200, 10]
    assert decoded[1, 3].tolist() == [BACKGROUND] * 3


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_alpha_mixes_with_mid_grey(format_name: str) -> None:
    rgba = np.zeros((1, 3, 4), dtype=np.uint8)
    rgba[0, :, 0] = 250
    rgba[0, :, 3] = [255, 0, 51]
    image = Image.fromarray(rgba)
    decoded = decode_image(encoded(image, format_name, **exact(format_name)))
    assert decoded[0, 0].tolist() == [250, 0, 0]
    assert decoded[0, 1].tolist() == [BACKGROUND] * 3
    assert decoded[0, 2].tolist() == [152, 102, 102]


def exact(format_name: str) -> dict[str, bool]:
    return {"exact": True} if format_name == "WEBP" else {}


def test_grey_with_alpha_stays_grey() -> None:
    grey_alpha = np.array([[[10, 255], [10, 0]]], dtype=np.uint8)
    decoded = decode_image(encoded(Image.fromarray(grey_alpha), "PNG"))
    assert decoded.tolist() == [[10, BACKGROUND]]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour_without_an_alpha_channel_is_laid_over_mid_grey(mode: str) -> None:
    image = Image.new(mode, (2, 1), "white")
    image.putpixel((0, 0), 0 if mode == "L" else (0, 0, 0))
    key: int | tuple[int, ...] = 255 if mode == "L" else (255, 255, 255)
    decoded = decode_image(encoded(image, "PNG", transparency=key))
    assert np.unique(decoded[0, 0]).tolist() == [0]
    assert np.unique(decoded[0, 1]).tolist() == [BACKGROUND]


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_cmyk_becomes_the_colour_it_prints(format_name: str) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    decoded = decode_image(encoded(image, format_name))
    assert decoded.shape == (16, 16, 3)
    assert np.abs(decoded[8, 8].astype(int) - [255, 0, 0]).max() <= 3


def test_lab_colours_become_rgb() -> None:
    decoded = decode_image(encoded(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF"))
    assert decoded.shape == (4, 4, 3)
    assert decoded.min() > 240


@pytest.mark.parametrize("format_name", ["WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_counts(format_name: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], format_name, save_all=True, append_images=frames[1:])
    assert decode_image(data)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(format_name: str, orientation: int) -> None:
    upright = colour_pixels(16, 48)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if format_name == "JPEG" else {}
    data = encoded(
        Image.fromarray(as_stored(upright, orientation)), format_name, exif=exif, **options
    )
    decoded = decode_image(data)
    assert decoded.shape == upright.shape
    assert np.abs(decoded.astype(int) - upright).mean() < 3


def as_stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The rows and columns that a camera writes for this orientation, by the EXIF standard."""
    corners: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
        1: lambda image: image,
        2: lambda image: image[:, ::-1],
        3: lambda image: image[::-1, ::-1],
        4: lambda image: image[::-1],
        5: lambda image: image.swapaxes(0, 1),
        6: lambda image: np.rot90(image, 1),
        7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
        8: lambda image: np.rot90(image, -1),
    }
    return np.ascontiguousarray(corners[orientation](upright))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_broken_exif_data_does_not_cost_the_picture() -> None:
    data = encoded(Image.fromarray(colour_pixels()), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode_image(data).shape == (24, 40, 3)


def test_the_pixels_are_the_callers_own() -> None:
    decoded = decode_image(encoded(Image.fromarray(colour_pixels()), "PNG"))
    assert decoded.flags.writeable
    assert decoded.flags.c_contiguous


# What is refused


def test_zero_bytes_are_refused() -> None:
    with pytest.raises(EmptyImage, match="0 bytes; send the whole file"):
        decode_image(b"")


@pytest.mark.parametrize(
    "data", [b"hello", b"BM this is a letter", b"\xff\xd8\xff", b"RIFF0000WEBPVP8 ", b"II*\0"]
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImage, match="send"):
        decode_image(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"GIF89a" + bytes(40), "GIF"),
        (b"\0\0\0\x20ftypavif" + bytes(40), "AVIF"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_other_formats_are_refused_by_name(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"{name} is not read; send JPEG, PNG, WebP"):
        decode_image(data)


def test_the_format_is_told_by_content_and_gif_is_never_opened() -> None:
    image = Image.new("RGB", (4, 4)).quantize(4)
    with pytest.raises(UnsupportedImage):
        decode_image(encoded(image, "GIF"))


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_images_are_refused(format_name: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), format_name)
    with pytest.raises(UndecodableImage, match="send"):
        decode_image(data[: int(len(data) * share)])


def test_too_many_bytes_are_refused_before_the_format_is_known() -> None:
    with pytest.raises(ImageTooLarge, match=r"2\.0 MiB and 1\.0 are allowed"):
        decode_image(bytes(2 << 20), ImageLimits(max_bytes=1 << 20))


@pytest.mark.parametrize(
    "data",
    [
        png_declaring(60_000, 60_000),
        png_declaring(2_000_000_000, 1),
        b"RIFF\0\1\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\x3f\0" + b"\xff\x3f\0" + bytes(64),
        b"RIFF\0\1\0\0WEBPVP8L\x0a\0\0\0\x2f" + struct.pack("<I", 0x0FFFFFFF) + bytes(64),
        b"BM"
        + struct.pack("<IHHI", 0, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, *[0] * 6),
        tiff_declaring({256: 60_000, 257: 60_000, 258: 8, 259: 1, 262: 1, 273: 8, 279: 64}),
        tiff_declaring({256: 60_000, 257: 60_000}, ">"),
    ],
    ids=["png", "wide png", "webp", "lossless webp", "bmp", "tiff", "big-endian tiff"],
)
def test_giant_declared_sizes_are_refused_at_once(data: bytes) -> None:
    start = time.monotonic()
    with pytest.raises(ImageTooLarge, match="50 million are allowed; send a crop"):
        decode_image(data)
    assert time.monotonic() - start < 5


def test_a_jpeg_that_declares_a_giant_size_is_refused() -> None:
    data = bytearray(encoded(Image.fromarray(colour_pixels()), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ImageTooLarge):
        decode_image(bytes(data))


def test_giant_tiles_of_a_small_tiff_are_refused() -> None:
    tags = {256: 10, 257: 10, 258: 8, 259: 1, 262: 1, 322: 30_000, 323: 30_000, 324: 8, 325: 64}
    with pytest.raises(ImageTooLarge):
        decode_image(tiff_declaring(tags))


def test_a_big_tiff_is_judged_by_its_own_header() -> None:
    header = b"II+\0" + struct.pack("<HHQ", 8, 0, 16)
    entries = [struct.pack("<HHQQ", tag, 16, 1, 60_000) for tag in (256, 257)]
    data = header + struct.pack("<Q", 2) + b"".join(entries) + bytes(8)
    with pytest.raises(ImageTooLarge):
        decode_image(data)


def test_images_at_the_limit_pass_and_one_row_more_does_not() -> None:
    limits = ImageLimits(max_pixels=100)
    assert decode_image(encoded(Image.new("L", (10, 10)), "PNG"), limits).shape == (10, 10)
    with pytest.raises(ImageTooLarge, match="10 x 11 pixels"):
        decode_image(encoded(Image.new("L", (10, 11)), "PNG"), limits)


def test_limits_above_pillows_own_are_refused() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert LARGEST_MAX_PIXELS < Image.MAX_IMAGE_PIXELS
    with pytest.raises(ConfigurationError, match="at most 89000000"):
        ImageLimits(max_pixels=LARGEST_MAX_PIXELS + 1)


@given(st.data())
def test_damaged_images_are_decoded_or_refused_and_nothing_else(data: st.DataObject) -> None:
    format_name = data.draw(st.sampled_from(FORMATS))
    damaged = bytearray(encoded(Image.fromarray(colour_pixels()), format_name))
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position] = data.draw(st.integers(0, 255))
    with suppress(ImageError):
        assert decode_image(bytes(damaged)).ndim in (2, 3)


def test_threads_decode_at_the_same_time() -> None:
    pixels = [colour_pixels(16 + index, 40) for index in range(24)]
    files = [
        encoded(Image.fromarray(each), FORMATS[1 + index % 4]) for index, each in enumerate(pixels)
    ]
    with ThreadPoolExecutor(8) as pool:
        for decoded, expected in zip(pool.map(decode_image, files), pixels, strict=True):
            np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize("offset", [2**63, 2**64 - 1])
def test_a_big_tiff_whose_directory_lies_beyond_all_files_is_undecodable(offset: int) -> None:
    with pytest.raises(UndecodableImage, match="directory"):
        decode_image(b"II+\0" + struct.pack("<HHQ", 8, 0, offset) + bytes(64))
