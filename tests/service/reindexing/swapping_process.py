"""A process that goes back and forth between two generations until it is killed.

Argument: the gallery's directory. It prints the name of each generation that it has swapped to.
"""

import sys
from pathlib import Path

from service.reindexing.job import Options, roll_back


def main(directory: str) -> None:
    while True:
        summary = roll_back(Path(directory), None, Options(show_progress=False))
        assert summary.swapped
        sys.stdout.write(summary.generation + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
