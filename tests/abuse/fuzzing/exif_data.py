"""EXIF data, valid and not: a TIFF without a picture, which JPEG, PNG and WebP files carry."""

from __future__ import annotations

import random
import struct

from tests.abuse.fuzzing.originals import exif
from tests.abuse.fuzzing.plain_bytes import NUMBERS, PLAIN

_ORIENTATION = 0x0112


def wild_exif(chance: random.Random) -> bytes:
    """Return EXIF data, beginning with its byte order."""
    match chance.randrange(4):
        case 0:
            return exif(chance.choice((*range(10), 255, 65535)))[6:]
        case 1:
            return chance.choice(PLAIN)(exif(chance.randrange(9))[6:], chance)
        case 2:
            return _one_tag(chance)
        case _:
            return chance.randbytes(chance.randint(0, 200))


def _one_tag(chance: random.Random) -> bytes:
    """One orientation of any type and count, in a directory that may name itself as the next."""
    order = chance.choice("<>")
    kind, count = chance.randrange(20), chance.choice((0, 1, 2, *NUMBERS[-4:]))
    entry = struct.pack(
        order + "HHII", _ORIENTATION, kind, count, chance.choice((1, 6, 8, *NUMBERS))
    )
    following = chance.choice((0, 8, 9, 2**32 - 1))
    return (
        (b"II" if order == "<" else b"MM")
        + struct.pack(order + "HI", 42, 8)
        + struct.pack(order + "H", chance.choice((0, 1, 2, 65535)))
        + entry
        + struct.pack(order + "I", following)
    )
