"""The picture of who imports whom among a package's rooms: a table with a mark for each import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import cache

from docs.drawing import svg
from docs.drawing.imports import Room, imports, rooms

_CELL, _LEFT, _TOP = 26, 150, 150


def picture(package: str = "service") -> str:
    """The picture as SVG.

    The package's own files are left out: some of them put everything together (app, cli) and others
    are what everything stands on (errors, settings, limits).
    """
    order = in_order(package)
    pairs = imports()
    size = _CELL * len(order)
    drawn = svg.Picture(_LEFT + size + 40, _TOP + size + 64, f"Imports between rooms of {package}")
    for number, room in enumerate(order):
        name = room.folder
        middle = number * _CELL + _CELL / 2
        drawn.text(_LEFT - 8, _TOP + middle + 4, name, 12, anchor="end")
        drawn.text(_LEFT + middle + 4, _TOP - 8, name, 12, turn=-60)
    for row, importer in enumerate(order):
        for column, imported in enumerate(order):
            x, y = _LEFT + column * _CELL, _TOP + row * _CELL
            if row == column:
                fill = svg.LINE
            elif (importer, imported) not in pairs:
                fill = svg.PAPER
            else:
                fill = svg.ACCENT if row < column else svg.WARM
            drawn.box(x + 1, y + 1, _CELL - 2, _CELL - 2, fill, svg.TINT)
    bottom = _TOP + size + 26
    drawn.text(16, bottom, "A mark: the room of the row imports the room of the column.", 12)
    drawn.text(16, bottom + 18, "Orange: against the order from top to bottom.", 12, svg.WARM)
    return drawn.document()


@cache
def in_order(package: str) -> tuple[Room, ...]:
    """A package's rooms, importers before what they import as far as that goes.

    Again and again the room is taken that the fewest of those left import, and of these the one
    that imports most. Then rooms are moved one by one, as long as fewer imports go up by it.
    """
    pairs = _pairs(package)
    left = [room.folder for room in rooms(package)[1:]]
    order: list[str] = []
    while left:

        def rank(room: str) -> tuple[int, int, str]:
            importers = sum((other, room) in pairs for other in left)
            imported = sum((room, other) in pairs for other in left)
            return importers, -imported, room

        chosen = min(left, key=rank)
        left.remove(chosen)
        order.append(chosen)
    while True:
        better = min(_moved(order), key=lambda each: _going_up(each, pairs))
        if _going_up(better, pairs) == _going_up(order, pairs):
            return tuple(Room(package, folder) for folder in order)
        order = better


def _pairs(package: str) -> set[tuple[str, str]]:
    return {
        (importer.folder, imported.folder)
        for importer, imported in imports()
        if importer.package == imported.package == package
    }


def _going_up(order: Sequence[str], pairs: Set[tuple[str, str]]) -> int:
    """How many imports go from a room to one that stands before it."""
    places = {room: place for place, room in enumerate(order)}
    return sum(
        places[importer] > places[imported]
        for importer, imported in pairs
        if importer in places and imported in places
    )


def _moved(order: list[str]) -> Iterator[list[str]]:
    for room in order:
        others = [other for other in order if other != room]
        for place in range(len(order)):
            yield [*others[:place], room, *others[place:]]
