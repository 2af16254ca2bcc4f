"""Files that take far longer to decode than their pixels say, refused by their structure.

A limit on pixels bounds what an ordinary file costs. These kinds of file cost more, up to minutes
for a few hundred kilobytes, and no camera or camera program writes them:

    JPEG   thousands of scans, each of which goes over every pixel again; thousands of EXIF segments
    PNG    millions of empty chunks
    TIFF   millions of strips or tiles, or of entries in its directory; codecs of fax machines and
           the like, which report each bad line to standard error
    BMP    run lengths, which Pillow decodes one by one in Python
"""

import re
import struct
from collections.abc import Callable, Mapping
from itertools import islice

from vreid.errors import ImageTooLarge, UnsupportedImage
from vreid.image_header import tiff_entries

MOST_SCANS = 32
"""Scans of a JPEG. Progressive ones have about ten."""

MOST_SEGMENTS = 2000
"""Segments of a JPEG before its end, looked at where so many may hold EXIF or XMP data. A depth map
may take some hundreds."""

MOST_CHUNKS = 25_000
"""Chunks of a PNG. Writers put 8 KiB and more of the pixels into each."""

MOST_STRIPS = 65_536
"""Strips or tiles of a TIFF."""

MOST_RUN_LENGTH_PIXELS = 2_000_000
MOST_RUN_LENGTH_BYTES = 2 * 2**20
"""Of a BMP in run lengths: half a second of Python."""

_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_SCAN_MARKER = re.compile(rb"\xff\xda")
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

_COMPRESSION, _STRIP_OFFSETS, _TILE_OFFSETS = 259, 273, 324
_TIFF_COMPRESSIONS = frozenset((1, 5, 7, 8, 32773, 32946, 34925, 50000))
"""None, LZW, JPEG, Deflate (twice), PackBits, LZMA, Zstandard."""

_BMP_RUN_LENGTHS = (1, 2)


def check_cost(format_name: str, data: bytes) -> None:
    """Refuse a file of a known format that would take far longer than its pixels say.

    What the file's header lacks for that is left to whoever decodes it.

    Raises:
        UnsupportedImage: its structure is of a kind that nobody needs.
        ImageTooLarge: a BMP in run lengths that is larger than such may be.
    """
    check = _CHECKS.get(format_name)
    if check is not None:
        check(data)


def _check_jpeg(data: bytes) -> None:
    # Both counts take what stands within segments for markers too, so they are never too low. An
    # expression finds two bytes in a third of the time that `count` takes.
    scans_found = sum(1 for _ in islice(_SCAN_MARKER.finditer(data), MOST_SCANS + 1))
    may_have_many_segments = data.count(b"\xe1") > MOST_SEGMENTS
    if scans_found <= MOST_SCANS and not (
        may_have_many_segments and data.count(b"\xff\xe1") > MOST_SEGMENTS
    ):
        return
    segments = scans = 0
    position = 2
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        marker, position = data[found.start() + 1], found.end()
        if marker == _END:
            return
        if marker in _WITHOUT_LENGTH or position + 2 > len(data):
            continue
        segments += 1
        scans += marker == _SCAN
        if scans > MOST_SCANS:
            raise UnsupportedImage(
                f"the JPEG image has more than {MOST_SCANS} scans; save it again as an ordinary "
                "JPEG"
            )
        if segments > MOST_SEGMENTS:
            raise UnsupportedImage(
                f"the JPEG image has more than {MOST_SEGMENTS} segments; save it again without "
                "metadata"
            )
        position += int.from_bytes(data[position : position + 2], "big")


def _check_png(data: bytes) -> None:
    position = 8
    for _ in range(MOST_CHUNKS):
        if position + 4 > len(data):
            return
        if data[position + 4 : position + 8] == b"IEND":
            return
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    if position < len(data):
        raise UnsupportedImage(
            f"the PNG image has more than {MOST_CHUNKS} chunks; save it again with larger ones"
        )


def _check_tiff(data: bytes) -> None:
    for entry in tiff_entries(data):
        if entry.tag == _COMPRESSION and entry.value not in _TIFF_COMPRESSIONS:
            raise UnsupportedImage(
                f"the TIFF image is compressed by method {entry.value}; save it uncompressed or "
                "with LZW, Deflate, PackBits, Zstandard, LZMA or JPEG"
            )
        if entry.tag in (_STRIP_OFFSETS, _TILE_OFFSETS) and entry.count > MOST_STRIPS:
            raise UnsupportedImage(
                f"the TIFF image has {entry.count} strips or tiles and {MOST_STRIPS} are decoded; "
                "save it again with larger ones"
            )


def _check_bmp(data: bytes) -> None:
    if len(data) < 34 or int.from_bytes(data[14:18], "little") < 40:
        return
    width, height = struct.unpack_from("<ii", data, 18)
    if int.from_bytes(data[30:34], "little") not in _BMP_RUN_LENGTHS:
        return
    if abs(width * height) > MOST_RUN_LENGTH_PIXELS or len(data) > MOST_RUN_LENGTH_BYTES:
        raise ImageTooLarge(
            f"the BMP image is compressed by run lengths, and such may have "
            f"{MOST_RUN_LENGTH_PIXELS / 1e6:g} million pixels and "
            f"{MOST_RUN_LENGTH_BYTES >> 20} MiB; save it as PNG"
        )


_CHECKS: Mapping[str, Callable[[bytes], None]] = {
    "JPEG": _check_jpeg,
    "PNG": _check_png,
    "TIFF": _check_tiff,
    "BMP": _check_bmp,
}
