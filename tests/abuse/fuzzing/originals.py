"""Small valid image files of every kind that the service reads, and of some that it refuses."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

WIDTH, HEIGHT = 48, 36
_TIFF_COMPRESSIONS = (
    "tiff_lzw",
    "tiff_adobe_deflate",
    "packbits",
    "jpeg",
    "lzma",
    "zstd",
)


@dataclass(frozen=True, slots=True)
class Original:
    """A file that nobody has touched yet.

    Attributes:
        name: says what it is, beginning with its format.
        format: JPEG, PNG, TIFF, WebP or BMP.
        data: the file's bytes.
    """

    name: str
    format: str
    data: bytes


@lru_cache(maxsize=1)
def originals() -> tuple[Original, ...]:
    """Return all originals, the same ones in the same order at each call."""
    return (*_jpegs(), *_pngs(), *_tiffs(), *_webps(), *_bmps())


def colour() -> NDArray[np.uint8]:
    """Return pixels (HEIGHT, WIDTH, 3): smooth, with edges and with noise."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(7).integers(0, 40, (HEIGHT, WIDTH))
    channels = (rows * 5 + noise, columns * 4, (rows // 9 + columns // 8) % 2 * 160 + noise)
    return np.stack(channels, axis=2).clip(0, 255).astype(np.uint8)


def exif(orientation: int = 6) -> bytes:
    """Return EXIF data as files of cameras have it."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "a camera"
    tags[0x9003] = "2026:03:01 12:00:00"
    return tags.tobytes()


def colour_profile() -> bytes:
    """Return a valid ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def _jpegs() -> list[Original]:
    rgb = Image.fromarray(colour())
    made = {
        "baseline": _encoded(rgb, "JPEG", quality=80),
        "whole colour": _encoded(rgb, "JPEG", quality=90, subsampling=0),
        "progressive": _encoded(rgb, "JPEG", progressive=True),
        "grey": _encoded(rgb.convert("L"), "JPEG"),
        "grey, progressive": _encoded(rgb.convert("L"), "JPEG", progressive=True),
        "CMYK": _encoded(rgb.convert("CMYK"), "JPEG"),
        "turned by EXIF": _encoded(rgb, "JPEG", exif=exif()),
        "with a profile": _encoded(rgb, "JPEG", icc_profile=colour_profile()),
        "with restarts": _encoded(rgb, "JPEG", restart_marker_blocks=2),
        "with a comment": _encoded(rgb, "JPEG", comment=b"lane 2", dpi=(72, 72)),
        "several pictures": _encoded(rgb, "MPO", save_all=True, append_images=[rgb]),
    }
    return [Original(f"JPEG {name}", "JPEG", data) for name, data in made.items()]


def _pngs() -> list[Original]:
    rgb = Image.fromarray(colour())
    texts = PngInfo()
    texts.add_text("Software", "a camera")
    texts.add_text("Comment", "long " * 200, zip=True)
    wide = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 30 + 7000
    palette = rgb.quantize(40)
    made = {
        "colour": _encoded(rgb, "PNG"),
        "with transparency": _encoded(rgb.convert("RGBA"), "PNG"),
        "grey": _encoded(rgb.convert("L"), "PNG"),
        "grey with transparency": _encoded(rgb.convert("LA"), "PNG"),
        "one bit": _encoded(rgb.convert("1"), "PNG"),
        "palette": _encoded(palette, "PNG"),
        "palette of 4 bits": _encoded(rgb.quantize(13), "PNG", bits=4),
        "palette, transparent": _encoded(palette, "PNG", transparency=3),
        "16-bit grey": _encoded(Image.fromarray(wide), "PNG"),
        "16-bit colour, interlaced": _interlaced_png(),
        "turned by EXIF": _encoded(rgb, "PNG", exif=exif(8)),
        "with a profile": _encoded(rgb, "PNG", icc_profile=colour_profile()),
        "with texts": _encoded(rgb, "PNG", pnginfo=texts),
        "several frames": _encoded(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)]),
    }
    return [Original(f"PNG {name}", "PNG", data) for name, data in made.items()]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG's chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _interlaced_png() -> bytes:
    """Return a 16-bit PNG of 8 x 8 pixels in Adam7's seven passes, which Pillow does not write."""
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))
    rows = b"".join((b"\0" + bytes(range(6 * width))) * height for width, height in passes)
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def _tiffs() -> list[Original]:
    rgb = Image.fromarray(colour())
    wide = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 30 + 7000
    big_endian = Image.frombytes("I;16B", (WIDTH, HEIGHT), wide.astype(">u2").tobytes())
    made = {
        "plain": _encoded(rgb, "TIFF"),
        "in strips": _encoded(rgb, "TIFF", tiffinfo={278: 5}, strip_size=5 * 3 * WIDTH),
        "big": _encoded(rgb, "TIFF", big_tiff=True),
        "grey": _encoded(rgb.convert("L"), "TIFF"),
        "palette": _encoded(rgb.quantize(40), "TIFF"),
        "one bit, group 4": _encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "one bit, group 3": _encoded(rgb.convert("1"), "TIFF", compression="group3"),
        "16-bit grey": _encoded(Image.fromarray(wide), "TIFF"),
        "16-bit grey, other byte order": _encoded(big_endian, "TIFF"),
        "16-bit grey from white": _encoded(Image.fromarray(wide), "TIFF", tiffinfo={262: 0}),
        "16-bit grey, compressed": _encoded(Image.fromarray(wide), "TIFF", compression="tiff_lzw"),
        "32-bit grey": _encoded(Image.fromarray(wide.astype(np.int32)), "TIFF"),
        "floating point": _encoded(Image.fromarray(wide.astype(np.float32)), "TIFF"),
        "CMYK": _encoded(rgb.convert("CMYK"), "TIFF"),
        "with transparency": _encoded(rgb.convert("RGBA"), "TIFF"),
        "turned": _encoded(rgb, "TIFF", tiffinfo={274: 6}),
        "with a profile": _encoded(rgb, "TIFF", icc_profile=colour_profile()),
        "several pages": _encoded(rgb, "TIFF", save_all=True, append_images=[rgb.rotate(90)]),
        "in tiles": tiled_tiff(),
    }
    made |= {name: _encoded(rgb, "TIFF", compression=name) for name in _TIFF_COMPRESSIONS}
    return [Original(f"TIFF {name}", "TIFF", data) for name, data in made.items()]


def tiled_tiff(tile: int = 16) -> bytes:
    """Return a grey TIFF of 2 x 2 tiles, which Pillow does not write."""
    side, pixels = 2 * tile, tile * tile
    first = 8 + 2 + 10 * 12 + 4 + 2 * 4 * 4
    offsets = [first + each * pixels for each in range(4)]
    lists = 8 + 2 + 10 * 12 + 4
    entries = (
        *((256, 3, 1, side), (257, 3, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((277, 3, 1, 1), (322, 3, 1, tile), (323, 3, 1, tile)),
        *((324, 4, 4, lists), (325, 4, 4, lists + 16)),
    )
    return (
        struct.pack("<2sHIH", b"II", 42, 8, len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        + struct.pack("<I", 0)
        + struct.pack("<4I", *offsets)
        + struct.pack("<4I", *[pixels] * 4)
        + bytes(range(256)) * (4 * pixels // 256)
    )


def _webps() -> list[Original]:
    rgb = Image.fromarray(colour())
    rgba = rgb.convert("RGBA")
    rgba.putalpha(120)
    made = {
        "lossy": _encoded(rgb, "WEBP", quality=70),
        "lossless": _encoded(rgb, "WEBP", lossless=True),
        "with transparency": _encoded(rgba, "WEBP"),
        "lossless with transparency": _encoded(rgba, "WEBP", lossless=True),
        "turned by EXIF": _encoded(rgb, "WEBP", exif=exif(3)),
        "with a profile": _encoded(rgb, "WEBP", icc_profile=colour_profile()),
        "several frames": _encoded(
            rgb, "WEBP", save_all=True, append_images=[rgb.rotate(90), rgba], duration=40
        ),
    }
    return [Original(f"WebP {name}", "WebP", data) for name, data in made.items()]


def _bmps() -> list[Original]:
    rgb = Image.fromarray(colour())
    made = {
        "colour": _encoded(rgb, "BMP"),
        "with transparency": _encoded(rgb.convert("RGBA"), "BMP"),
        "grey": _encoded(rgb.convert("L"), "BMP"),
        "palette": _encoded(rgb.quantize(40), "BMP"),
        "one bit": _encoded(rgb.convert("1"), "BMP"),
        "run lengths": run_length_bmp(WIDTH, HEIGHT),
        "run lengths of 4 bits": run_length_bmp(WIDTH, HEIGHT, bits=4),
        "bit fields": bit_field_bmp(),
    }
    return [Original(f"BMP {name}", "BMP", data) for name, data in made.items()]


def run_length_bmp(width: int, height: int, bits: int = 8, run: int = 12) -> bytes:
    """Return a BMP in runs of `run` pixels, which Pillow does not write."""
    row = b"".join(bytes((min(run, width - start), start % 250)) for start in range(0, width, run))
    body = (row + b"\0\0") * (height - 1) + row + b"\0\1"
    palette = b"".join(bytes((each, 255 - each, each // 2, 0)) for each in range(1 << bits))
    offset = 14 + 40 + len(palette)
    return (
        struct.pack("<2sIHHI", b"BM", offset + len(body), 0, 0, offset)
        + struct.pack(
            "<IiiHHIIiiII",
            40,
            width,
            height,
            1,
            bits,
            1 if bits == 8 else 2,
            len(body),
            2835,
            2835,
            1 << bits,
            0,
        )
        + palette
        + body
    )


def bit_field_bmp() -> bytes:
    """Return a BMP of 16-bit pixels with masks of their own."""
    body = np.arange(WIDTH * HEIGHT, dtype="<u2").tobytes()
    offset = 14 + 40 + 12
    return (
        struct.pack("<2sIHHI", b"BM", offset + len(body), 0, 0, offset)
        + struct.pack("<IiiHHIIiiII", 40, WIDTH, -HEIGHT, 1, 16, 3, len(body), 2835, 2835, 0, 0)
        + struct.pack("<III", 0xF800, 0x07E0, 0x001F)
        + body
    )
