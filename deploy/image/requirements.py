"""Prints what pyproject.toml requires, one requirement a line, without building the project.

usage: python requirements.py [--build] [EXTRA ...]
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT_FILE = Path(__file__).parents[2] / "pyproject.toml"


def requirements(extras: Sequence[str], build: bool = False) -> list[str]:
    """Return the requirements of the project with `extras`, sorted, each once.

    Args:
        extras: names under `[project.optional-dependencies]`.
        build: add what the build backend requires.

    Raises:
        KeyError: an extra that pyproject.toml does not have.
    """
    declared: dict[str, Any] = tomllib.loads(PROJECT_FILE.read_text())
    project = declared["project"]
    asked: set[str] = set(project["dependencies"])
    for extra in extras:
        asked.update(project["optional-dependencies"][extra])
    if build:
        asked.update(declared["build-system"]["requires"])
    return sorted(asked)


def main(arguments: Sequence[str]) -> None:
    """Print the requirements that the command line asks for."""
    extras = [argument for argument in arguments if argument != "--build"]
    print("\n".join(requirements(extras, build="--build" in arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
