"""What is done to TIFF files: directories, and entries of any tag, type, count and value."""

from __future__ import annotations

import random
import struct

from tests.abuse.fuzzing.plain_bytes import NUMBERS, Mutation

_TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 317, 320, 322, 323,
         324, 325, 330, 338, 339, 347, 512, 513, 514, 529, 530, 532, 700, 34665, 34675)  # fmt: skip
_COMPRESSIONS = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    32773,
    32809,
    32946,
    34661,
    34676,
    34712,
    34925,
    50000,
    50001,
)
_ENTRY = 12


def change_an_entry(data: bytes, chance: random.Random) -> bytes:
    """Change tag, type, count or value of an entry."""
    order, first, entries = _directory(data)
    if not entries:
        return data
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = first + _ENTRY * chance.randrange(entries)
        match chance.randrange(4):
            case 0:
                struct.pack_into(order + "H", changed, at, chance.choice(_TAGS))
            case 1:
                struct.pack_into(order + "H", changed, at + 2, chance.randrange(20))
            case 2:
                struct.pack_into(order + "I", changed, at + 4, chance.choice(NUMBERS))
            case _:
                struct.pack_into(order + "I", changed, at + 8, chance.choice(NUMBERS))
    return bytes(changed)


def change_a_meaning(data: bytes, chance: random.Random) -> bytes:
    """Give a tag that decides how pixels are read another value."""
    order, first, entries = _directory(data)
    values = {
        256: (0, 1, 47, 49, 5000, 65535, 2**31),
        257: (0, 1, 35, 37, 5000, 65535, 2**31),
        258: (0, 1, 2, 4, 8, 12, 16, 32, 64, 65535),
        259: _COMPRESSIONS,
        262: (0, 1, 2, 3, 4, 5, 6, 8, 32803, 65535),
        266: (1, 2),
        274: (0, *range(1, 10), 65535),
        277: (0, 1, 2, 3, 4, 5, 65535),
        278: (0, 1, 5, 36, 2**31, 2**32 - 1),
        284: (0, 1, 2, 3),
        317: (1, 2, 3, 65535),
        322: (0, 1, 16, 4096, 65535),
        323: (0, 1, 16, 4096, 65535),
        339: (0, 1, 2, 3, 4, 5, 6),
    }
    at = [
        first + _ENTRY * each
        for each in range(entries)
        if struct.unpack_from(order + "H", data, first + _ENTRY * each)[0] in values
    ]
    if not at:
        return data
    changed = bytearray(data)
    for position in chance.sample(at, chance.randint(1, min(3, len(at)))):
        (tag,) = struct.unpack_from(order + "H", data, position)
        value = chance.choice(values[tag])
        struct.pack_into(order + "HII", changed, position + 2, 4, 1, value)
    return bytes(changed)


def repeat_an_entry(data: bytes, chance: random.Random) -> bytes:
    """Put another entry in the place of one."""
    _, first, entries = _directory(data)
    if not entries:
        return data
    taken, given = (first + _ENTRY * chance.randrange(entries) for _ in "ab")
    return data[:given] + data[taken : taken + _ENTRY] + data[given + _ENTRY :]


def move_the_directory(data: bytes, chance: random.Random) -> bytes:
    """Say that the first directory is somewhere else: in the pixels, behind the end, at itself."""
    order = "<" if data.startswith(b"II") else ">"
    where = chance.choice(
        (0, 4, 8, len(data) - 1, len(data), chance.randrange(len(data)), *NUMBERS)
    )
    return data[:4] + struct.pack(order + "I", where & 0xFFFFFFFF) + data[8:]


def change_the_number_of_entries(data: bytes, chance: random.Random) -> bytes:
    """Say that there are more entries, or fewer."""
    order, first, entries = _directory(data)
    if not entries:
        return data
    count = chance.choice((0, 1, entries - 1, entries + 1, 1000, 65535))
    return data[: first - 2] + struct.pack(order + "H", count) + data[first:]


def lead_the_next_directory_astray(data: bytes, chance: random.Random) -> bytes:
    """Say that the next directory is the first one, or somewhere else."""
    order, first, entries = _directory(data)
    end = first + _ENTRY * entries
    where = chance.choice((8, first - 2, end, chance.randrange(len(data)), *NUMBERS)) & 0xFFFFFFFF
    return data[:end] + struct.pack(order + "I", where) + data[end + 4 :]


def change_the_byte_order(data: bytes, chance: random.Random) -> bytes:
    """Say that the bytes come in the other order, or that the file is a BigTIFF."""
    return chance.choice((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IM*\0")) + data[4:]


def _directory(data: bytes) -> tuple[str, int, int]:
    """Return byte order, where the first entry is, and how many there are; none in a BigTIFF."""
    order = "<" if data.startswith(b"II") else ">"
    version, offset = struct.unpack_from(order + "HI", data, 2)
    if version != 42:
        return order, 16, 0
    (entries,) = struct.unpack_from(order + "H", data, offset)
    return order, offset + 2, entries


TIFF: tuple[Mutation, ...] = (
    change_an_entry,
    change_an_entry,
    change_a_meaning,
    change_a_meaning,
    repeat_an_entry,
    move_the_directory,
    change_the_number_of_entries,
    lead_the_next_directory_astray,
    change_the_byte_order,
)
