"""Which room imports which, read from the files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("vreid", "training", "export", "service")
"""From the one that imports nothing upwards."""


@dataclass(frozen=True, order=True, slots=True)
class Room:
    """A package, or a folder in one; the package's own files are a room without a folder."""

    package: str
    folder: str = ""

    @property
    def path(self) -> Path:
        """Where its files lie."""
        return REPOSITORY / self.package / self.folder

    def purpose(self) -> str:
        """The first line of its docstring."""
        text = (self.path / "__init__.py").read_text(encoding="utf-8")
        return (
            (ast.get_docstring(ast.parse(text)) or "")
            .partition("\n")[0]
            .strip(".")
            .replace("`", "")
        )


def rooms(package: str) -> list[Room]:
    """The rooms of a package, its own files first."""
    folders = sorted(path.parent.name for path in (REPOSITORY / package).glob("*/__init__.py"))
    return [Room(package), *(Room(package, folder) for folder in folders)]


@cache
def imports() -> set[tuple[Room, Room]]:
    """Pairs of an importing and an imported room, without those of a room with itself."""
    found = set()
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            importer = room_of(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
            found |= {(importer, room_of(name)) for name in _imported(path)}
    return {(importer, imported) for importer, imported in found if importer != imported}


def room_of(module: str) -> Room:
    """The room that a module of the four packages lies in."""
    package, *rest = module.split(".")
    in_folder = bool(rest) and (REPOSITORY / package / rest[0] / "__init__.py").is_file()
    return Room(package, rest[0] if in_folder else "")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] in PACKAGES:
                # `from service import errors` names a module of the package.
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in PACKAGES)
