"""From the bytes of an image file to pixels, with limits that hold before anything is decoded.

JPEG, PNG, WebP, BMP and TIFF are read, told apart by content and not by name. What comes out:

    colour of any kind (palette, CMYK, YCbCr)     uint8 (H, W, 3)
    grey of up to 8 bits, 1-bit                   uint8 (H, W)
    grey of 16 bits, either byte order            uint16 (H, W), radiometric
    32-bit integers that fit into 16 bits         uint16 (H, W), radiometric
    32-bit integers that do not, floating point   UnsupportedImage

Transparent pixels are laid over mid grey (128): close to the mean that preprocessing subtracts, so
that a cut-out background says next to nothing to the network. The EXIF orientation is applied. Of
several frames or pages the first one counts.

A JPEG that is much larger than what is wanted of it can be decoded at a half, a quarter or an
eighth of its sides (`at_least`), which takes a fraction of the time and of the memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from vreid.errors import (
    ConfigurationError,
    EmptyImage,
    ImageError,
    ImageTooLarge,
    UndecodableImage,
    UnsupportedImage,
)
from vreid.image_cost import check_cost
from vreid.image_header import tiff_sizes, webp_sizes
from vreid.jpeg import decode_jpeg, jpeg_size

BACKGROUND = 128
"""Grey level that transparent pixels are laid over."""

LARGEST_MAX_PIXELS = 89_000_000
"""Most that `max_pixels` may be: a little less than where Pillow begins to warn by itself."""

_KEPT = 4
"""How many times the wanted sides a picture keeps at least where it is made smaller in decoding.

With 4, the lite bundle's features of enlarged photographs agree with those of every pixel to a
cosine of 0.994 at worst and 0.999 in the middle, about as if the picture had been saved once more
at quality 97. With 2 it is 0.990 and 0.997.
"""

_READABLE = "send JPEG, PNG, WebP, BMP or TIFF"
Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""Decoded pixels: uint8 (H, W, 3), uint8 (H, W) or uint16 (H, W)."""

_ORIENTATION_TAG = 0x0112
_TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width."""

_PHOTOMETRIC_TAG = 0x0106

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class ImageLimits:
    """What an image may have at most.

    Attributes:
        max_bytes: of the encoded file.
        max_pixels: width times height, as the file's header declares them.

    Raises:
        ConfigurationError: a limit below 1, or `max_pixels` above `LARGEST_MAX_PIXELS`.
    """

    max_bytes: int = 20 * _MEBIBYTE
    max_pixels: int = 50_000_000

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or not 1 <= self.max_pixels <= LARGEST_MAX_PIXELS:
            raise ConfigurationError(
                f"image limits of {self.max_bytes} bytes and {self.max_pixels} pixels must be at "
                f"least 1, and the pixels at most {LARGEST_MAX_PIXELS}"
            )


DEFAULT_LIMITS = ImageLimits()


def decode_image(
    data: bytes,
    limits: ImageLimits = DEFAULT_LIMITS,
    at_least: tuple[int, int] | None = None,
) -> Pixels:
    """Decode an image file. Safe to call from several threads.

    Args:
        data: the file's bytes.
        limits: checked against the file's size and its header before pixels are decoded.
        at_least: height and width that the picture will be resized to. A JPEG of eight times
            these sides and more is decoded smaller, still at least four times as large in both.
            None decodes every pixel.

    Returns:
        uint8 (H, W, 3) colour, uint8 (H, W) grey, or uint16 (H, W) radiometric grey.

    Raises:
        EmptyImage: 0 bytes.
        ImageTooLarge: more bytes or pixels than the limits allow.
        UnsupportedImage: another format, or a kind of pixel that has no 8- or 16-bit meaning.
        UndecodableImage: no image, truncated, or corrupt.
    """
    _check_bytes(data, limits)
    format_name, opener = _recognise(data)
    try:
        check_cost(format_name, data)
        for size in _DECLARED_SIZES.get(format_name, _no_sizes)(data):
            _check_size(size, limits)
        kept = None if at_least is None else (_KEPT * at_least[0], _KEPT * at_least[1])
        if format_name == "JPEG" and (ordinary := decode_jpeg(data, kept)) is not None:
            return ordinary
        image = opener(BytesIO(data))
        _check_size(image.size, limits)
        _draft(image, kept)
        image.load()
        pixels = _pixels(image, format_name)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # a corrupt file makes Pillow's plugins raise many types
        raise _damaged(format_name, error) from error
    return _upright(pixels, _orientation(image))


def declared_pixels(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> int:
    """Width times height as the file's header declares them; no pixels are decoded.

    Args:
        data: the file's bytes.
        limits: checked as `decode_image` checks them.

    Raises:
        ImageError: as `decode_image` for what the header shows already.
    """
    return max(width * height for width, height in _declared_sizes(data, limits))


def declared_size(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> tuple[int, int]:
    """Width and height as the file's header declares them, before any EXIF orientation.

    Args:
        data: the file's bytes, or enough of them to hold the header.
        limits: checked as `decode_image` checks them.

    Raises:
        ImageError: as `decode_image` for what the header shows already.
    """
    return _declared_sizes(data, limits)[0]


def _declared_sizes(data: bytes, limits: ImageLimits) -> list[tuple[int, int]]:
    """The picture's size first, then those of parts that would be decoded as a whole."""
    _check_bytes(data, limits)
    format_name, opener = _recognise(data)
    try:
        check_cost(format_name, data)
        sizes = _DECLARED_SIZES.get(format_name, _no_sizes)(data)
        # These plugins read no more than the header when they open a file.
        sizes = sizes or [opener(BytesIO(data)).size]
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # a corrupt file makes Pillow's plugins raise many types
        raise _damaged(format_name, error) from error
    for size in sizes:
        _check_size(size, limits)
    return sizes


def _check_bytes(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise EmptyImage("the image has 0 bytes; send the whole file")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the image has {len(data) / _MEBIBYTE:.1f} MiB and {limits.max_bytes / _MEBIBYTE:.1f} "
            "are allowed; send a smaller crop or a stronger compression"
        )


def _damaged(format_name: str, error: Exception) -> UndecodableImage:
    return UndecodableImage(
        f"the {format_name} image is truncated or corrupt ({error}); send the whole file again"
    )


def _recognise(data: bytes) -> tuple[str, Callable[[BytesIO], Image.Image]]:
    """Format by content, and what opens it.

    The plugins are called directly: Image.open warns about, or refuses, images beyond a global
    limit of its own, and silencing a warning is not safe with threads.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG", JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG", PngImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP", WebPImageFile
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF", TiffImageFile
    if data.startswith(b"BM"):
        return "BMP", BmpImageFile
    for signature, offset, name in _OTHER_FORMATS:
        if data[offset:].startswith(signature):
            raise UnsupportedImage(f"{name} is not read; {_READABLE}")
    raise UndecodableImage(f"the data is not an image of a known format; {_READABLE}")


_OTHER_FORMATS = (
    (b"GIF8", 0, "GIF"),
    (b"ftypavif", 4, "AVIF"),
    (b"ftyphei", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIF"),
    (b"\0\0\0\x0cjP  ", 0, "JPEG 2000"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"\0\0\0\x0cJXL ", 0, "JPEG XL"),
    (b"%PDF", 0, "PDF"),
)


def _jpeg_sizes(data: bytes) -> list[tuple[int, int]]:
    size = jpeg_size(data)
    return [] if size is None else [size]


def _no_sizes(data: bytes) -> list[tuple[int, int]]:
    """For formats whose size Pillow tells before it allocates anything."""
    return []


_DECLARED_SIZES = {"JPEG": _jpeg_sizes, "WebP": webp_sizes, "TIFF": tiff_sizes}


def _draft(image: Image.Image, kept: tuple[int, int] | None) -> None:
    """Have a JPEG decoded smaller, with at least these (height, width) when it stands upright."""
    if kept is None or not isinstance(image, JpegImageFile):
        return
    height, width = reversed(kept) if _orientation(image) in _TURNED else kept
    image.draft(None, (width, height))


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise UndecodableImage(f"the image declares {width} x {height} pixels; send it again")
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image declares {width} x {height} pixels and "
            f"{limits.max_pixels / 1e6:g} million are allowed; send a crop of the vehicle"
        )


def _pixels(image: Image.Image, format_name: str) -> Pixels:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint16)
        return 0xFFFF - levels if _is_white_zero(image) else levels
    if image.mode == "I":
        return _narrowed(np.asarray(image), format_name)
    if image.mode == "F":
        raise UnsupportedImage(
            f"the {format_name} image holds floating-point values, whose scale is unknown; "
            "send 16-bit grey (for instance temperature in hundredths of a kelvin)"
        )
    transparent = "transparency" in image.info
    if image.mode in ("LA", "La") or (transparent and image.mode in ("1", "L")):
        return _flattened(image.convert("LA"))
    if image.mode in ("RGBA", "RGBa", "PA") or transparent:
        return _flattened(image.convert("RGBA"))
    if image.mode in ("1", "L"):
        return np.asarray(image if image.mode == "L" else image.convert("L"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _is_white_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts from white; Pillow inverts such pictures up to 8 bits only."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC_TAG) == 0


def _narrowed(pixels: NDArray[np.int32], format_name: str) -> NDArray[np.uint16]:
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > 0xFFFF:
        raise UnsupportedImage(
            f"the {format_name} image holds values from {low} to {high}, beyond 16 bits; "
            "send unsigned 16-bit grey"
        )
    return pixels.astype(np.uint16)


def _flattened(image: Image.Image) -> NDArray[np.uint8]:
    """An RGBA or LA image over the background: (H, W, 3) or (H, W); rounded to the nearest level.

    Pillow does it, in place of NumPy, in a sixth of the time and without numbers of twice the width
    in between: a few kilobytes may declare 50 million transparent pixels.
    """
    if image.mode == "LA":
        grey = Image.new("L", image.size, BACKGROUND)
        grey.paste(image.getchannel("L"), mask=image.getchannel("A"))
        return np.asarray(grey)
    colour = Image.new("RGB", image.size, (BACKGROUND, BACKGROUND, BACKGROUND))
    colour.paste(image, mask=image)
    return np.asarray(colour)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; a picture with broken EXIF data is taken as upright.

    To be asked for after loading: Pillow turns TIFF by itself and then forgets the tag, and in a
    PNG the tag may come after the pixels. In a JPEG it stands before them.
    """
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # EXIF data is written by all kinds of cameras; it must not cost the picture
        return 1


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn and mirror as the EXIF orientation says; contiguous."""
    if orientation in _TURNED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels.copy(order="C")
