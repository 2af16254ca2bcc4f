"""Files that are a row of pieces, and what is done to the row whatever the pieces are."""

from __future__ import annotations

import random
from typing import TypeVar

Piece = TypeVar("Piece")


def rearranged(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """Drop a piece, have one several times, or put one somewhere else."""
    row = list(pieces)
    if not row:
        return row
    where = chance.randrange(len(row))
    match chance.randrange(4):
        case 0:
            del row[where]
        case 1:
            row[where:where] = [row[where]] * chance.choice((1, 2, 40))
        case 2:
            row.insert(chance.randrange(len(row)), row.pop(where))
        case _:
            chance.shuffle(row)
    return row


def changed_text(text: bytes, chance: random.Random) -> bytes:
    """Change what a piece holds: some of its bytes, or its length."""
    if not text:
        return chance.randbytes(chance.randint(1, 20))
    changed = bytearray(text)
    match chance.randrange(4):
        case 0:
            return bytes(changed[: chance.randrange(len(changed))])
        case 1:
            return bytes(changed) + chance.randbytes(chance.randint(1, 300))
        case 2:
            return chance.randbytes(len(changed))
        case _:
            for _ in range(chance.randint(1, 6)):
                changed[chance.randrange(len(changed))] = chance.choice((0, 1, 127, 128, 254, 255))
            return bytes(changed)
