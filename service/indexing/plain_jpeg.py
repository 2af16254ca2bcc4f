"""Telling JPEG files that hold a picture and nothing else: no metadata, nothing behind it."""

from __future__ import annotations

import re

_START, _SCAN, _BASELINE, _JFIF = 0xD8, 0xDA, 0xC0, 0xE0
# Tables, and how often decoding may be taken up again.
_NEEDED = {0xC4, 0xDB, 0xDD}
# JFIF's own fields; more would be a small picture of something.
_JFIF_BYTES = 16
# Within a scan, what follows FF is a zero or one of the eight places to take it up again.
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_END = b"\xff\xd9"


def plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a plain JPEG file, None for every other.

    Plain is a baseline picture in grey or YCbCr, in one scan, that is there to its end, with no
    EXIF, XMP, comment, colour profile or other passenger before, within or after it.
    """
    size: tuple[int, int] | None = None
    if data[:2] != bytes((0xFF, _START)):
        return None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == _SCAN:
            end = _MARKER_IN_SCAN.search(data, at + 2 + length)
            is_whole = end is not None and end.start() == len(data) - 2 and end[0] == _END
            return size if is_whole else None
        if marker == _BASELINE:
            size = _size_in(data[at + 4 : at + 2 + length])
            if size is None:
                return None
        elif not (marker in _NEEDED or (marker == _JFIF and length == _JFIF_BYTES)):
            return None
        at += 2 + length
    return None


def _size_in(frame: bytes) -> tuple[int, int] | None:
    """Width and height in a frame's header of 8 bits and one or three components."""
    if len(frame) < 6 or frame[0] != 8 or frame[5] not in (1, 3):
        return None
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    return (width, height) if width and height else None
