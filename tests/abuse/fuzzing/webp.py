"""What is done to WebP files: chunks of the RIFF container, sides, flags, frames."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.abuse.fuzzing.chunked import changed_text, rearranged
from tests.abuse.fuzzing.exif_data import wild_exif
from tests.abuse.fuzzing.plain_bytes import NUMBERS, Mutation

_KINDS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"ICCP", b"XMP ", b"abcd")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk; `length` is what its length field says, None for what is true."""

    kind: bytes
    body: bytes
    length: int | None = None

    def encoded(self) -> bytes:
        """Return the chunk as it stands in a file, filled up to an even length."""
        length = len(self.body) if self.length is None else self.length
        filling = b"\0" * (len(self.body) % 2)
        return self.kind + struct.pack("<I", length & 0xFFFFFFFF) + self.body + filling


def chunks(data: bytes) -> list[Chunk]:
    """Return the chunks of a valid file."""
    found, position = [], 12
    while position + 8 <= len(data):
        kind, (length,) = (
            data[position : position + 4],
            struct.unpack_from("<I", data, position + 4),
        )
        found.append(Chunk(kind, data[position + 8 : position + 8 + length]))
        position += 8 + length + length % 2
    return found


def joined(parts: list[Chunk], length: int | None = None) -> bytes:
    """Return the file that has these chunks; `length` is what the container says."""
    body = b"WEBP" + b"".join(part.encoded() for part in parts)
    said = len(body) if length is None else length
    return b"RIFF" + struct.pack("<I", said & 0xFFFFFFFF) + body


def rearrange(data: bytes, chance: random.Random) -> bytes:
    """Drop, repeat or move a chunk."""
    return joined(rearranged(chunks(data), chance))


def change_a_body(data: bytes, chance: random.Random) -> bytes:
    """Change what a chunk holds, with the right length."""
    return _with_one(data, chance, lambda part: replace(part, body=changed_text(part.body, chance)))


def lie_about_a_length(data: bytes, chance: random.Random) -> bytes:
    """Write a wrong length into a chunk, or into the container."""
    if chance.random() < 0.3:
        return joined(chunks(data), chance.choice(NUMBERS))
    return _with_one(data, chance, lambda part: replace(part, length=chance.choice(NUMBERS)))


def change_a_kind(data: bytes, chance: random.Random) -> bytes:
    """Make another chunk of one."""
    return _with_one(data, chance, lambda part: replace(part, kind=chance.choice(_KINDS)))


def change_the_head(data: bytes, chance: random.Random) -> bytes:
    """Change the first bytes of the picture or the canvas: flags and sides."""
    parts = chunks(data)
    body = bytearray(parts[0].body)
    for _ in range(chance.randint(1, 3)):
        body[chance.randrange(min(10, len(body)))] = chance.choice((0, 1, 0x10, 0x2F, 0x80, 0xFF))
    parts[0] = replace(parts[0], body=bytes(body))
    return joined(parts)


def extend(data: bytes, chance: random.Random) -> bytes:
    """Put a head of the extended format before it, whose flags and canvas are not the picture's."""
    sides = [chance.choice((0, 35, 47, 6000, 0x3FFF, 0xFFFFFF)).to_bytes(3, "little") for _ in "wh"]
    head = Chunk(b"VP8X", bytes((chance.randrange(256), 0, 0, 0)) + b"".join(sides))
    tail = chance.choice(
        (
            Chunk(b"EXIF", wild_exif(chance)),
            Chunk(b"ICCP", chance.randbytes(200)),
            Chunk(b"ANIM", bytes(6)),
            Chunk(b"ANMF", chance.randbytes(16) + data[12:]),
            Chunk(b"ALPH", chance.randbytes(100)),
        )
    )
    return joined([head, *chunks(data), tail])


def _with_one(data: bytes, chance: random.Random, change: Callable[[Chunk], Chunk]) -> bytes:
    parts = chunks(data)
    where = chance.randrange(len(parts))
    parts[where] = change(parts[where])
    return joined(parts)


WEBP: tuple[Mutation, ...] = (
    rearrange,
    change_a_body,
    lie_about_a_length,
    change_a_kind,
    change_the_head,
    extend,
)
