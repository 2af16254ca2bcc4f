"""The pictures of the architecture are those of the code as it is."""

from collections.abc import Callable

import pytest

from docs.drawing.imports import Room, imports, rooms
from docs.drawing.matrix import in_order
from docs.drawing.pictures import PICTURES, target
from docs.drawing.request_path import STEPS, exists


@pytest.mark.parametrize(("name", "draw"), PICTURES.items(), ids=PICTURES)
def test_a_picture_is_as_the_code_is(name: str, draw: Callable[[], str]) -> None:
    kept = target(name).read_text(encoding="utf-8")
    assert kept == draw(), "the code has changed: run `python -m docs.drawing`"


def test_imports_go_from_room_to_room() -> None:
    pairs = imports()
    assert (Room("service", "routes"), Room("service", "requests")) in pairs
    assert (Room("training"), Room("vreid")) in pairs
    assert not any(importer == imported for importer, imported in pairs)
    assert not any(
        (importer.package, imported.package) == ("vreid", "service") for importer, imported in pairs
    )


def test_every_room_has_a_place_in_the_order() -> None:
    assert sorted(in_order("service")) == rooms("service")[1:]


def test_what_starts_calls_stands_before_what_they_are_made_of() -> None:
    order = [room.folder for room in in_order("service")]
    assert order.index("routes") < order.index("requests") < order.index("messages")


def test_a_step_that_is_not_there_is_noticed() -> None:
    assert all(exists(step.place) for step in STEPS)
    assert not exists("service/routes/search.py:no_such_function")
    assert not exists("service/no_such_file.py:read")
