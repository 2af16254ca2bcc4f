"""What is done to a file of any format, without knowing what its bytes mean."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]
"""Makes another file of a file; the same one from the same state of the generator."""

NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
"""Numbers at which readers of headers go wrong."""


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    """Turn one to eight bits over."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def flip_bits_of_the_head(data: bytes, chance: random.Random) -> bytes:
    """Turn bits over where the header is."""
    head = min(len(data), 128)
    return flip_bits(data[:head], chance) + data[head:]


def set_bytes(data: bytes, chance: random.Random) -> bytes:
    """Overwrite a run of bytes with noise, zeros or ones."""
    start = chance.randrange(len(data))
    length = min(chance.choice((1, 2, 4, 16, 64)), len(data) - start)
    filling = chance.choice((b"\0" * length, b"\xff" * length, chance.randbytes(length)))
    return data[:start] + filling + data[start + length :]


def set_number(data: bytes, chance: random.Random) -> bytes:
    """Overwrite two or four bytes with a number that is often forgotten."""
    order, kind = chance.choice("<>"), chance.choice("HI")
    number = chance.choice(NUMBERS) & (0xFFFF if kind == "H" else 0xFFFFFFFF)
    written = struct.pack(order + kind, number)
    start = chance.randrange(max(1, min(len(data), 256) - len(written)))
    return data[:start] + written + data[start + len(written) :]


def truncate(data: bytes, chance: random.Random) -> bytes:
    """Cut the end off."""
    return data[: chance.randrange(len(data))]


def truncate_head(data: bytes, chance: random.Random) -> bytes:
    """Keep no more than some of the header."""
    return data[: chance.randrange(min(64, len(data)))]


def cut_out(data: bytes, chance: random.Random) -> bytes:
    """Take a piece out of the middle."""
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 64) :]


def insert(data: bytes, chance: random.Random) -> bytes:
    """Put noise into the middle."""
    start = chance.randrange(len(data))
    return data[:start] + chance.randbytes(chance.randint(1, 64)) + data[start:]


def repeat_a_piece(data: bytes, chance: random.Random) -> bytes:
    """Have a piece there several times."""
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randint(1, 200)]
    return data[:start] + piece * chance.randint(2, 20) + data[start:]


def exchange_pieces(data: bytes, chance: random.Random) -> bytes:
    """Let two pieces change places."""
    first, second, third = sorted(chance.randrange(len(data) + 1) for _ in range(3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def append_noise(data: bytes, chance: random.Random) -> bytes:
    """Have something come after the end."""
    return data + chance.randbytes(chance.choice((1, 100, 5000)))


PLAIN: tuple[Mutation, ...] = (
    flip_bits,
    flip_bits_of_the_head,
    set_bytes,
    set_number,
    truncate,
    truncate_head,
    cut_out,
    insert,
    repeat_a_piece,
    exchange_pieces,
    append_noise,
)
