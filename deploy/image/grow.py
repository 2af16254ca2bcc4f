"""Takes memory and holds it for a moment; runs inside the image under test.

usage: python grow.py BYTES
"""

from __future__ import annotations

import sys

STEP = 2**24

if __name__ == "__main__":
    held = [b"\1" * STEP for _ in range(int(sys.argv[1]) // STEP)]
    print(len(held) * STEP)
