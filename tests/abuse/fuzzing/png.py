"""What is done to PNG files: chunks, with right and wrong lengths and checksums."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, replace

from tests.abuse.fuzzing.chunked import changed_text, rearranged
from tests.abuse.fuzzing.exif_data import wild_exif
from tests.abuse.fuzzing.plain_bytes import NUMBERS, Mutation

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"eXIf", b"zTXt", b"iTXt", b"acTL",
          b"fcTL", b"fdAT", b"pHYs", b"gAMA", b"abCD", b"\0\0\0\0")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk; `length` and `checksum` are what it says of itself, None for what is true."""

    kind: bytes
    body: bytes = b""
    length: int | None = None
    checksum: int | None = None

    def encoded(self) -> bytes:
        """Return the chunk as it stands in a file."""
        length = len(self.body) if self.length is None else self.length
        checksum = zlib.crc32(self.kind + self.body) if self.checksum is None else self.checksum
        return (
            struct.pack(">I", length & 0xFFFFFFFF)
            + self.kind
            + self.body
            + struct.pack(">I", checksum & 0xFFFFFFFF)
        )


def chunks(data: bytes) -> list[Chunk]:
    """Return the chunks of a valid file."""
    found, position = [], len(_SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        found.append(Chunk(kind, data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def joined(parts: list[Chunk]) -> bytes:
    """Return the file that has these chunks."""
    return _SIGNATURE + b"".join(part.encoded() for part in parts)


def rearrange(data: bytes, chance: random.Random) -> bytes:
    """Drop, repeat or move a chunk."""
    return joined(rearranged(chunks(data), chance))


def change_a_body(data: bytes, chance: random.Random) -> bytes:
    """Change what a chunk holds, with the right checksum or with the old one."""
    parts = chunks(data)
    where = chance.randrange(len(parts))
    part = parts[where]
    old = zlib.crc32(part.kind + part.body)
    body = changed_text(part.body, chance)
    parts[where] = replace(part, body=body, checksum=old if chance.random() < 0.3 else None)
    return joined(parts)


def lie_about_a_length(data: bytes, chance: random.Random) -> bytes:
    """Write a wrong length into a chunk."""
    parts = chunks(data)
    where = chance.randrange(len(parts))
    parts[where] = replace(parts[where], length=chance.choice(NUMBERS))
    return joined(parts)


def change_a_kind(data: bytes, chance: random.Random) -> bytes:
    """Make another chunk of one."""
    parts = chunks(data)
    where = chance.randrange(len(parts))
    parts[where] = replace(parts[where], kind=chance.choice(_KINDS))
    return joined(parts)


def change_the_header(data: bytes, chance: random.Random) -> bytes:
    """Change sides, depth, kind of colour, compression or interlacing."""
    parts = chunks(data)
    body = bytearray(parts[0].body)
    match chance.randrange(3):
        case 0:
            sides = [
                chance.choice((0, 1, 7, 36, 48, 1000, 7000, 65536, 2**31, 2**32 - 1)) for _ in "wh"
            ]
            body[0:8] = struct.pack(">II", *sides)
        case 1:
            body[8], body[9] = chance.choice((0, 1, 2, 4, 8, 16, 32)), chance.randrange(8)
        case _:
            body[chance.randrange(10, 13)] = chance.randrange(4)
    parts[0] = replace(parts[0], body=bytes(body))
    return joined(parts)


def change_the_pixels(data: bytes, chance: random.Random) -> bytes:
    """Compress other rows: too few, too many, with filters that do not exist."""
    rows = chance.choice(
        (b"", b"\0", chance.randbytes(500), bytes(200_000), b"\x05" * 6000, b"\x04" * 6000)
    )
    parts = [part for part in chunks(data) if part.kind != b"IDAT"]
    packed = zlib.compress(rows, chance.choice((0, 9)))
    cut = chance.randrange(len(packed) + 1)
    pieces = [packed] if chance.random() < 0.5 else [packed[:cut], b"", packed[cut:]]
    return joined(parts[:-1] + [Chunk(b"IDAT", piece) for piece in pieces] + parts[-1:])


def put_a_chunk_in(data: bytes, chance: random.Random) -> bytes:
    """Put in a chunk that readers look into: EXIF, profile, texts that swell, animation."""
    swelling = zlib.compress(bytes(chance.choice((10, 70_000, 2_000_000))))
    extra = chance.choice(
        (
            Chunk(b"eXIf", wild_exif(chance)),
            Chunk(b"iCCP", b"name\0" + bytes((chance.randrange(2),)) + swelling),
            Chunk(b"zTXt", b"key\0" + bytes((chance.randrange(2),)) + swelling),
            Chunk(b"iTXt", b"key\0\1\0en\0\0" + swelling),
            Chunk(b"tRNS", chance.randbytes(chance.choice((0, 1, 2, 6, 256, 300)))),
            Chunk(b"PLTE", chance.randbytes(chance.choice((0, 1, 3, 768, 900)))),
            Chunk(b"acTL", struct.pack(">II", chance.choice(NUMBERS), 0)),
            Chunk(b"fcTL", chance.randbytes(26)),
            Chunk(b"gAMA", bytes(4)),
        )
    )
    parts = chunks(data)
    parts.insert(chance.randint(1, len(parts)), extra)
    return joined(parts)


PNG: tuple[Mutation, ...] = (
    rearrange,
    change_a_body,
    lie_about_a_length,
    change_a_kind,
    change_the_header,
    change_the_pixels,
    put_a_chunk_in,
)
