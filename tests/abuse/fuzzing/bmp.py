"""What is done to BMP files: the fields of the header, palettes, run lengths."""

from __future__ import annotations

import random
import struct

from tests.abuse.fuzzing.chunked import changed_text
from tests.abuse.fuzzing.plain_bytes import NUMBERS, Mutation

_SIDES = (0, 1, -1, 35, -36, 47, 49, 1000, 7000, 65536, 2**31 - 1, -(2**31))
_FIELDS: tuple[tuple[int, str, tuple[int, ...]], ...] = (
    (2, "I", NUMBERS),
    (10, "I", (0, 14, 54, 1078, *NUMBERS)),
    (14, "I", (0, 12, 16, 40, 52, 56, 64, 108, 124, 2**32 - 1)),
    (18, "i", _SIDES),
    (22, "i", _SIDES),
    (26, "H", (0, 1, 2, 65535)),
    (28, "H", (0, 1, 2, 4, 8, 16, 24, 32, 48, 65535)),
    (30, "I", (0, 1, 2, 3, 4, 5, 6, 2**32 - 1)),
    (34, "I", NUMBERS),
    (46, "I", NUMBERS),
    (50, "I", NUMBERS),
)
"""Where each field of the header is, its kind, and what is written into it."""

_HEADER = 54


def change_fields(data: bytes, chance: random.Random) -> bytes:
    """Change one to three fields of the header."""
    changed = bytearray(data)
    for position, kind, values in chance.sample(_FIELDS, chance.choice((1, 1, 1, 2, 3))):
        struct.pack_into("<" + kind, changed, position, chance.choice(values))
    return bytes(changed)


def change_behind_the_header(data: bytes, chance: random.Random) -> bytes:
    """Change palette, masks or pixels."""
    return data[:_HEADER] + changed_text(data[_HEADER:], chance)


def change_the_runs(data: bytes, chance: random.Random) -> bytes:
    """Write runs: of any length, ends of rows, moves beyond the picture, literal pixels."""
    (offset,) = struct.unpack_from("<I", data, 10)
    choices = (
        b"\0\0",
        b"\0\1",
        b"\0\2\xff\xff",
        b"\0\2\0\0",
        b"\0\x07abcdefg\0",
        b"\xff\1",
        b"\1\2",
        b"\0\xff",
    )
    runs = b"".join(chance.choice(choices) for _ in range(chance.randint(1, 400)))
    changed = bytearray(data[:offset] + runs)
    bits, compression = chance.choice(((8, 1), (4, 2)))
    struct.pack_into("<HI", changed, 28, bits, compression)
    return bytes(changed)


BMP: tuple[Mutation, ...] = (
    change_fields,
    change_fields,
    change_behind_the_header,
    change_the_runs,
)
