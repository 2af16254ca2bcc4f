"""Which input has which number: everything follows from a seed and an index.

A failing input is written out by

    python -m tests.abuse.fuzzing.inputs --seed 0 --index 17 --out failing
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.abuse.fuzzing.bmp import BMP
from tests.abuse.fuzzing.jpeg import JPEG
from tests.abuse.fuzzing.originals import Original, originals
from tests.abuse.fuzzing.plain_bytes import PLAIN, Mutation
from tests.abuse.fuzzing.png import PNG
from tests.abuse.fuzzing.tiff import TIFF
from tests.abuse.fuzzing.webp import WEBP

_OF_FORMAT: Mapping[str, tuple[Mutation, ...]] = {
    "JPEG": JPEG,
    "PNG": PNG,
    "TIFF": TIFF,
    "WebP": WEBP,
    "BMP": BMP,
}
_ANOTHER_FILE = 0.06
"""Share of inputs that are made of two files."""


@dataclass(frozen=True, slots=True)
class Input:
    """A mutated file.

    Attributes:
        name: what was done to which file.
        format: of the file that it was.
        data: its bytes.
    """

    name: str
    format: str
    data: bytes


def make_input(seed: int, index: int) -> Input:
    """Return the input of this number; the same bytes at every call with the same libraries."""
    # Texts seed the generator in the same way in every process.
    chance = random.Random(f"{seed}/{index}")
    original = originals()[index % len(originals())]
    if chance.random() < _ANOTHER_FILE:
        return _made_of_two(original, chance)
    data, names = original.data, [original.name]
    for _ in range(chance.choice((1, 1, 1, 1, 2, 3))):
        known = _OF_FORMAT[original.format]
        # What knows the format goes first: after bytes were moved it would not find its way.
        knows_format = len(names) == 1 and chance.random() < 0.65
        mutation = chance.choice(known if knows_format else PLAIN)
        data = mutation(data, chance) or b"\0"
        names.append(mutation.__name__)
    return Input(", ".join(names), original.format, data)


def _made_of_two(original: Original, chance: random.Random) -> Input:
    other = chance.choice(originals())
    first, second = original.data, other.data
    head, tail = chance.randrange(len(first)), chance.randrange(len(second))
    data, how = chance.choice(
        (
            (first + second, "followed by"),
            (first[:head] + second[tail:], "ends as"),
            (first[:head] + second + first[head:], "with within it"),
            (second[: min(16, tail)] + first[16:], "begins as"),
        )
    )
    return Input(f"{original.name}, {how} {other.name}", original.format, data)


def main() -> None:
    """Write one input to a file."""
    parser = argparse.ArgumentParser(description="Write out one input of the fuzzer.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    made = make_input(given.seed, given.index)
    given.out.write_bytes(made.data)
    print(f"{given.out}: {made.name}, {len(made.data)} bytes")


if __name__ == "__main__":
    main()
