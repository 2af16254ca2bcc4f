"""The pictures that are drawn, and where they lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.drawing import matrix, packages, request_path
from docs.drawing.imports import REPOSITORY

PICTURES: Mapping[str, Callable[[], str]] = {
    "rooms": packages.picture,
    "imports": matrix.picture,
    "request": request_path.picture,
}


def target(name: str) -> Path:
    """The file of a picture."""
    return REPOSITORY / "docs" / "images" / "architecture" / f"{name}.svg"
