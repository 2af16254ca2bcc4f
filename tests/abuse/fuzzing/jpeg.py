"""What is done to JPEG files: segments, sizes, tables, scans, EXIF, profiles, restarts."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tests.abuse.fuzzing.chunked import changed_text, rearranged
from tests.abuse.fuzzing.exif_data import wild_exif
from tests.abuse.fuzzing.plain_bytes import NUMBERS, Mutation

_ALONE = frozenset((0x01, *range(0xD0, 0xDA)))
"""Markers without a length: restarts, the beginning, the end."""

_FRAMES = tuple(each for each in range(0xC0, 0xD0) if each not in (0xC4, 0xC8, 0xCC))
_SCAN, _END, _RESTART_INTERVAL, _APP1, _APP2, _APP14 = 0xDA, 0xD9, 0xDD, 0xE1, 0xE2, 0xEE


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its marker, what it holds, and the coded pixels that come after it.

    `length` is what its length field says, None for what is true.
    """

    marker: int
    body: bytes = b""
    coded: bytes = b""
    length: int | None = None

    def encoded(self) -> bytes:
        """Return the segment as it stands in a file."""
        head = bytes((0xFF, self.marker))
        if self.marker in _ALONE:
            return head + self.coded
        length = len(self.body) + 2 if self.length is None else self.length
        return head + struct.pack(">H", length & 0xFFFF) + self.body + self.coded


def segments(data: bytes) -> list[Segment]:
    """Return the segments of a valid file after its first marker."""
    found, position = [], 2
    while position + 2 <= len(data):
        marker = data[position + 1]
        start = position + 2
        if marker not in _ALONE:
            (length,) = struct.unpack_from(">H", data, start)
            start += length
        end = start
        if marker == _SCAN:
            while end + 2 <= len(data) and not _ends_scan(data, end):
                end += 1
        found.append(Segment(marker, data[position + 4 : start], data[start:end]))
        position = end
        if marker == _END:
            break
    return found


def _ends_scan(data: bytes, position: int) -> bool:
    following = data[position + 1]
    return data[position] == 0xFF and following != 0 and not 0xD0 <= following <= 0xD7


def joined(parts: list[Segment]) -> bytes:
    """Return the file that has these segments."""
    return b"\xff\xd8" + b"".join(part.encoded() for part in parts)


def rearrange(data: bytes, chance: random.Random) -> bytes:
    """Drop, repeat or move a segment."""
    return joined(rearranged(segments(data), chance))


def lie_about_a_length(data: bytes, chance: random.Random) -> bytes:
    """Write a wrong length into a segment."""
    return _with_one(data, chance, lambda part: replace(part, length=chance.choice(NUMBERS)))


def change_a_body(data: bytes, chance: random.Random) -> bytes:
    """Change what a segment holds, with the right length."""
    return _with_one(data, chance, lambda part: replace(part, body=changed_text(part.body, chance)))


def change_a_marker(data: bytes, chance: random.Random) -> bytes:
    """Make another segment of one."""
    return _with_one(data, chance, lambda part: replace(part, marker=chance.randrange(256)))


def change_the_frame(data: bytes, chance: random.Random) -> bytes:
    """Change precision, sides, components or the kind of coding."""

    def other(part: Segment) -> Segment:
        body = bytearray(part.body)
        match chance.randrange(5):
            case 0:
                body[0] = chance.choice((0, 1, 8, 12, 16, 255))
            case 1:
                sides = [chance.choice((0, 1, 8, 36, 48, 300, 6000, 65500, 65535)) for _ in "hw"]
                body[1:5] = struct.pack(">HH", *sides)
            case 2:
                body[5] = chance.choice((0, 1, 2, 3, 4, 5, 255))
            case 3:
                body[chance.randrange(6, len(body))] = chance.choice(
                    (0, 0x11, 0x22, 0x44, 0x41, 255)
                )
            case _:
                return replace(part, marker=chance.choice(_FRAMES))
        return replace(part, body=bytes(body))

    return _with_one(data, chance, other, _FRAMES)


def change_a_scan(data: bytes, chance: random.Random) -> bytes:
    """Change which part of which coefficients a scan holds, or its coded pixels."""

    def other(part: Segment) -> Segment:
        if chance.random() < 0.5 or not part.coded:
            body = bytearray(part.body)
            body[chance.randrange(len(body))] = chance.choice((0, 1, 2, 4, 63, 64, 255))
            return replace(part, body=bytes(body))
        coded = changed_text(part.coded, chance)
        return replace(part, coded=coded.replace(b"\xff", b"\xff\0"))

    return _with_one(data, chance, other, (_SCAN,))


def repeat_scans(data: bytes, chance: random.Random) -> bytes:
    """Have many scans, as a progressive picture has some."""
    parts = segments(data)
    scans = [part for part in parts if part.marker == _SCAN]
    if not scans:
        return data
    at = parts.index(scans[-1])
    more = [chance.choice(scans) for _ in range(chance.choice((1, 10, 100)))]
    return joined(parts[:at] + more + parts[at:])


def put_restarts_in(data: bytes, chance: random.Random) -> bytes:
    """Announce restarts, and have them in wrong places."""
    parts = segments(data)
    interval = Segment(_RESTART_INTERVAL, struct.pack(">H", chance.choice((0, 1, 2, 65535))))
    changed = []
    for part in parts:
        if part.marker == _SCAN:
            changed.append(interval)
            cut = chance.randrange(len(part.coded) + 1)
            marker = bytes((0xFF, 0xD0 + chance.randrange(8)))
            part = replace(part, coded=part.coded[:cut] + marker + part.coded[cut:])
        changed.append(part)
    return joined(changed)


def put_exif_in(data: bytes, chance: random.Random) -> bytes:
    """Put EXIF data in that says something else than usual, or nothing sensible."""
    return joined([Segment(_APP1, b"Exif\0\0" + wild_exif(chance)), *segments(data)])


def put_profile_in(data: bytes, chance: random.Random) -> bytes:
    """Put parts of a colour profile in that do not belong together."""
    parts = [
        Segment(
            _APP2,
            b"ICC_PROFILE\0"
            + bytes((chance.randrange(5), chance.randrange(5)))
            + chance.randbytes(chance.choice((0, 1, 130, 4000))),
        )
        for _ in range(chance.randint(1, 4))
    ]
    return joined(parts + segments(data))


def change_colours(data: bytes, chance: random.Random) -> bytes:
    """Say by Adobe's marker that the colours are others."""
    body = b"Adobe\0\x64\0\0\0\0" + bytes((chance.choice((0, 1, 2, 3, 255)),))
    return joined([Segment(_APP14, body[: chance.randint(4, 12)]), *segments(data)])


def _with_one(
    data: bytes,
    chance: random.Random,
    change: Callable[[Segment], Segment],
    markers: Collection[int] = (),
) -> bytes:
    parts = segments(data)
    fitting = [
        number
        for number, part in enumerate(parts)
        if (part.marker in markers if markers else part.marker not in _ALONE) and part.body
    ]
    if not fitting:
        return data
    where = chance.choice(fitting)
    parts[where] = change(parts[where])
    return joined(parts)


JPEG: tuple[Mutation, ...] = (
    rearrange,
    lie_about_a_length,
    change_a_body,
    change_a_marker,
    change_the_frame,
    change_a_scan,
    repeat_scans,
    put_restarts_in,
    put_exif_in,
    put_profile_in,
    change_colours,
)
