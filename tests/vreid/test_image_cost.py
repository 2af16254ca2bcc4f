"""Files that cost far more than their pixels are refused at once, and ordinary ones are not."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.abuse.fuzzing.jpeg import Segment, segments
from tests.abuse.fuzzing.jpeg import joined as joined_segments
from tests.abuse.fuzzing.originals import originals, png_chunk, run_length_bmp
from vreid.decoding import BACKGROUND, declared_pixels, decode_image
from vreid.errors import ImageError, ImageTooLarge, UnsupportedImage
from vreid.image_cost import (
    MOST_CHUNKS,
    MOST_RUN_LENGTH_PIXELS,
    MOST_SCANS,
    MOST_SEGMENTS,
    MOST_STRIPS,
    check_cost,
)
from vreid.image_header import MOST_TIFF_ENTRIES, tiff_entries


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def jpeg_of_scans(scans: int) -> bytes:
    parts = segments(encoded(Image.new("L", (64, 64), 90), "JPEG", progressive=True))
    own = [part for part in parts if part.marker == 0xDA]
    at = parts.index(own[-1])
    return joined_segments(parts[:at] + [own[-1]] * (scans - len(own)) + parts[at:])


def jpeg_of_segments(count: int) -> bytes:
    parts = segments(encoded(Image.new("L", (64, 64), 90), "JPEG"))
    exif = Segment(0xE1, b"Exif\0\0II")
    return joined_segments([exif] * count + parts)


def png_of_chunks(count: int) -> bytes:
    header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"abCd", b"") * (count - 3)
        + png_chunk(b"IDAT", zlib.compress(bytes(6)))
        + png_chunk(b"IEND", b"")
    )


def tiff_of_strips(strips: int) -> bytes:
    """One grey pixel in each strip, all of them the same byte of the file."""
    tags = {256: 1, 257: strips, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    lists = 8 + 2 + 9 * 12 + 4
    entries = {tag: (4, 1, value) for tag, value in tags.items()}
    entries |= {273: (4, strips, lists), 279: (4, strips, lists + 4 * strips)}
    return (
        struct.pack("<2sHIH", b"II", 42, 8, len(entries))
        + b"".join(struct.pack("<HHII", tag, *entries[tag]) for tag in sorted(entries))
        + bytes(4)
        + np.full(strips, 4, "<u4").tobytes()
        + np.full(strips, 1, "<u4").tobytes()
    )


def big_tiff_of_entries(entries: int) -> bytes:
    """A BigTIFF whose directory says one thing again and again."""
    width = struct.pack("<HHQQ", 256, 4, 1, 1)
    return struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, entries) + width * entries + bytes(8)


def tiff_of_entries(entries: int) -> bytes:
    width = struct.pack("<HHII", 256, 4, 1, 1)
    return struct.pack("<2sHIH", b"II", 42, 8, entries) + width * entries + bytes(4)


def with_height(bmp: bytes, height: int) -> bytes:
    return bmp[:22] + struct.pack("<i", height) + bmp[26:]


BEYOND: dict[str, tuple[Callable[[], bytes], type[ImageError], str]] = {
    "scans": (lambda: jpeg_of_scans(MOST_SCANS + 1), UnsupportedImage, "scans; save it again"),
    "segments": (
        lambda: jpeg_of_segments(MOST_SEGMENTS + 1),
        UnsupportedImage,
        "segments; save it again without metadata",
    ),
    "chunks": (lambda: png_of_chunks(MOST_CHUNKS + 1), UnsupportedImage, "chunks; save it again"),
    "strips": (lambda: tiff_of_strips(MOST_STRIPS + 1), UnsupportedImage, "strips or tiles"),
    "entries": (
        lambda: tiff_of_entries(MOST_TIFF_ENTRIES + 1),
        UnsupportedImage,
        "entries and 4096 are read; save it again without metadata",
    ),
    "entries of a BigTIFF": (
        lambda: big_tiff_of_entries(MOST_TIFF_ENTRIES + 1),
        UnsupportedImage,
        "entries and 4096 are read; save it again without metadata",
    ),
    "run lengths": (
        lambda: run_length_bmp(2000, MOST_RUN_LENGTH_PIXELS // 2000 + 1, run=250),
        ImageTooLarge,
        "save it as PNG",
    ),
    "run lengths from above": (
        lambda: with_height(run_length_bmp(2000, 5), -30_000),
        ImageTooLarge,
        "save it as PNG",
    ),
}


@pytest.mark.parametrize("name", BEYOND)
def test_too_much_of_it_is_refused_before_anything_is_decoded(name: str) -> None:
    make, error, sentence = BEYOND[name]
    data = make()
    for look in (decode_image, declared_pixels):
        with pytest.raises(error, match=sentence):
            look(data)


@pytest.mark.parametrize(
    "data",
    [jpeg_of_scans(MOST_SCANS), jpeg_of_segments(200), png_of_chunks(1000), tiff_of_strips(3000)],
    ids=["scans", "segments", "chunks", "strips"],
)
def test_much_of_it_is_decoded(data: bytes) -> None:
    assert decode_image(data).size > 0


@pytest.mark.parametrize("make", [tiff_of_entries, big_tiff_of_entries])
def test_a_directory_is_read_up_to_its_bound(make: Callable[[int], bytes]) -> None:
    assert len(tiff_entries(make(MOST_TIFF_ENTRIES))) == MOST_TIFF_ENTRIES


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_codecs_of_fax_machines_are_refused_with_what_to_use(compression: str) -> None:
    data = encoded(Image.new("1", (64, 64)), "TIFF", compression=compression)
    with pytest.raises(UnsupportedImage, match="save it uncompressed or with LZW"):
        decode_image(data)


def test_a_codec_cannot_hide_behind_a_second_entry_of_another_type() -> None:
    plain = tiff_of_strips(1)
    fax = struct.pack("<HHII", 259, 1, 1, 4)
    twice = plain[:10] + fax + plain[10 + 12 :]
    with pytest.raises(UnsupportedImage, match="compressed by method"):
        decode_image(twice)


def test_markers_within_segments_are_no_scans() -> None:
    parts = segments(encoded(Image.new("L", (64, 64), 90), "JPEG"))
    comment = Segment(0xFE, b"\xff\xda\0\2" * (MOST_SCANS + 1))
    assert decode_image(joined_segments([comment, *parts])).shape == (64, 64)


def test_what_comes_behind_the_end_of_a_jpeg_does_not_count() -> None:
    data = encoded(Image.new("L", (64, 64), 90), "JPEG")
    assert decode_image(data + b"\xff\xda\0\2" * (MOST_SCANS + 1)).shape == (64, 64)


def test_no_original_of_the_fuzzer_costs_too_much_but_fax() -> None:
    for original in originals():
        if "group" not in original.name:
            check_cost(original.format, original.data)


def test_transparency_over_the_background_is_rounded_to_the_nearest_level() -> None:
    levels, alphas = np.meshgrid(np.arange(256), np.arange(256))
    pixels = np.stack([levels, 255 - levels, levels // 2, alphas], axis=2)
    exact = (pixels[:, :, :3] * alphas[:, :, None] + BACKGROUND * (255 - alphas[:, :, None])) / 255
    whole = Image.fromarray(pixels.astype(np.uint8))
    np.testing.assert_array_equal(decode_image(encoded(whole, "PNG")), np.rint(exact))
    grey = Image.merge("LA", (whole.getchannel(0), whole.getchannel(3)))
    np.testing.assert_array_equal(decode_image(encoded(grey, "PNG")), np.rint(exact[:, :, 0]))
