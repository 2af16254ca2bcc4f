"""What is told about a sighting, refused by the name of the field that cannot be stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from service.errors import InvalidRecord
from service.gallery.record import AttributeValue, Labels
from service.request_errors import InvalidField


def checked_labels(
    identity: str | None,
    camera: str | None,
    scene: str | None,
    captured_at: datetime | None,
    attributes: Mapping[str, AttributeValue],
    prefix: str = "",
) -> Labels:
    """Return the labels; `prefix` stands before the client's names of the fields.

    Raises:
        InvalidField: naming the field that cannot be stored.
    """
    each: dict[str, Callable[[], Labels]] = {
        "identity": lambda: Labels(identity=identity),
        "camera": lambda: Labels(camera=camera),
        "scene": lambda: Labels(scene=scene),
        "captured_at": lambda: Labels(captured_at=captured_at),
        "attributes": lambda: Labels(attributes=attributes),
    }
    for name, build in each.items():
        try:
            build()
        except InvalidRecord as error:
            raise InvalidField(f"{prefix}{name}", error) from error
    return Labels(identity, camera, scene, captured_at, attributes)
