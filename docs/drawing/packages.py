"""The picture of the four packages with their rooms, and the imports between packages."""

from __future__ import annotations

from docs.drawing import svg
from docs.drawing.imports import PACKAGES, Room, imports, rooms

_TILE, _TILE_HEIGHT, _GAP, _MARGIN, _TITLE = 214, 84, 10, 16, 82
_PLACES = {
    # Column of tiles, top, tiles side by side.
    "export": (0, 16, 1),
    "training": (1, 16, 2),
    "service": (3, 16, 4),
    "vreid": (0, 0, 7),
}


def picture() -> str:
    """The picture as SVG."""
    heights = {package: _height(package) for package in PACKAGES}
    upper = max(heights[package] for package in ("export", "training", "service"))
    floor = 16 + upper + 56
    width = _x(7) + 6
    drawn = svg.Picture(width, floor + heights["vreid"] + 16, "The packages of vreid")
    for package, (column, top, across) in _PLACES.items():
        y = floor if package == "vreid" else top
        height = heights[package] if package == "vreid" else upper
        _draw(drawn, package, _x(column), y, across, height)
    for importer, imported in sorted({(a.package, b.package) for a, b in imports()}):
        if importer == imported:
            continue
        column, top, across = _PLACES[importer]
        middle = _x(column) + _width(across) / 2
        if imported == "vreid":
            drawn.arrow([(middle, 16 + upper), (middle, floor)])
        else:
            drawn.arrow([(_x(column) + _width(across), top + 26), (_x(column + 1), top + 26)])
    return drawn.document()


def _x(column: int) -> int:
    # Packages stand apart, so that the arrows between them have room.
    apart = 30 * ((column >= 1) + (column >= 3))
    return _MARGIN + column * (_TILE + _GAP) + apart + (20 if column == 7 else 0)


def _width(across: int) -> int:
    if across == 7:
        return _x(3) + _width(4) - _MARGIN
    return across * (_TILE + _GAP) + _GAP


def _height(package: str) -> int:
    across = _PLACES[package][2]
    rows = -(-len(rooms(package)[1:]) // across)
    return _TITLE + rows * (_TILE_HEIGHT + _GAP)


def _draw(drawn: svg.Picture, package: str, x: float, y: float, across: int, height: float) -> None:
    drawn.box(x, y, _width(across), height, svg.PAPER, svg.ACCENT)
    drawn.text(x + 12, y + 22, f"{package}/", 16, svg.ACCENT, bold=True)
    drawn.words(x + 12, y + 40, Room(package).purpose(), across * 34)
    for number, room in enumerate(rooms(package)[1:]):
        row, column = divmod(number, across)
        left = x + _GAP + column * (_TILE + _GAP)
        top = y + _TITLE + row * (_TILE_HEIGHT + _GAP)
        drawn.box(left, top, _TILE, _TILE_HEIGHT)
        drawn.text(left + 8, top + 18, room.folder, 13, svg.INK, bold=True)
        drawn.words(left + 8, top + 34, room.purpose(), 34)
