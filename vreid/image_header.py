"""Sizes that an image file declares, read from its header alone.

Pillow leaves most pixels alone until asked, but allocates a WebP's whole canvas on opening it and
judges a TIFF's tiles by a global limit of its own. For these two the header is read here first.
"""

import struct
from dataclasses import dataclass

from vreid.errors import UndecodableImage, UnsupportedImage

_TIFF_NUMBERS = {3: "H", 4: "I", 16: "Q"}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT = 256, 257, 322, 323
_BIG_TIFF = 43

MOST_TIFF_ENTRIES = 4096
"""Entries of a TIFF's directory that are read. Cameras write some dozens; a BigTIFF may have as
many as its file has room for."""


def webp_sizes(data: bytes) -> list[tuple[int, int]]:
    """Width and height of a WebP's canvas: lossy, lossless or extended.

    Raises:
        UndecodableImage: the header is cut off or not a WebP's.
    """
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise UndecodableImage("the WebP image ends within its header; send the whole file again")
    if kind == b"VP8X":
        return [(1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))]
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return [(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return [(width & 0x3FFF, height & 0x3FFF)]
    raise UndecodableImage("the WebP image has no picture in it; send the whole file again")


def tiff_sizes(data: bytes) -> list[tuple[int, int]]:
    """Width and height of a TIFF's first page, and of its tiles where it has tiles.

    Raises:
        UndecodableImage: the first directory is cut off or has no size.
        UnsupportedImage: it has more than MOST_TIFF_ENTRIES.
    """
    tags = {entry.tag: entry.value for entry in tiff_entries(data) if entry.value is not None}
    try:
        sizes = [(tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT])]
    except KeyError as error:
        raise _without_directory() from error
    if _TIFF_TILE_WIDTH in tags and _TIFF_TILE_HEIGHT in tags:
        sizes.append((tags[_TIFF_TILE_WIDTH], tags[_TIFF_TILE_HEIGHT]))
    return sizes


@dataclass(frozen=True, slots=True)
class TiffEntry:
    """One entry of a TIFF's directory; `value` is None unless it is one whole number."""

    tag: int
    count: int
    value: int | None


def tiff_entries(data: bytes) -> list[TiffEntry]:
    """The entries of a TIFF's first directory.

    Raises:
        UndecodableImage: the directory is cut off.
        UnsupportedImage: it has more than MOST_TIFF_ENTRIES.
    """
    try:
        return _first_directory(data)
    except (struct.error, OverflowError) as error:
        raise _without_directory() from error


def _without_directory() -> UndecodableImage:
    return UndecodableImage(
        "the TIFF image's directory is cut off or has no size; send the whole file again"
    )


def _first_directory(data: bytes) -> list[TiffEntry]:
    order = "<" if data.startswith(b"II") else ">"
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version == _BIG_TIFF:
        (offset,) = struct.unpack_from(order + "Q", data, 8)
        (entries,) = struct.unpack_from(order + "Q", data, offset)
        first, length, width = offset + 8, 20, "Q"
    else:
        (offset,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, offset)
        first, length, width = offset + 2, 12, "I"
    if first + entries * length > len(data):
        raise struct.error("the directory ends beyond the file")
    if entries > MOST_TIFF_ENTRIES:
        raise UnsupportedImage(
            f"the TIFF image's directory has {entries} entries and {MOST_TIFF_ENTRIES} are read; "
            "save it again without metadata"
        )
    found = []
    for position in range(first, first + entries * length, length):
        tag, kind, count = struct.unpack_from(order + "HH" + width, data, position)
        value = None
        if count == 1 and kind in _TIFF_NUMBERS:
            # A short number stands at the beginning of the value's field in either byte order.
            value_at = position + 4 + struct.calcsize(order + width)
            (value,) = struct.unpack_from(order + _TIFF_NUMBERS[kind], data, value_at)
        found.append(TiffEntry(tag, count, value))
    return found
