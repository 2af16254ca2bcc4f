"""Which records a search or a listing may return.

As JSON, every member optional (null is like leaving it out) and all of them required to hold:

    {"camera": "2" or ["2", "3"], "identity": ..., "scene": ...,
     "captured_at": {"from": "2024-05-01T00:00:00Z", "to": "2024-05-02T00:00:00Z"},
     "attributes": {"colour": "red" or ["red", "white"]},
     "exclude_camera": ..., "exclude_scene": ...}

`from` is included and `to` is not, so that consecutive ranges neither overlap nor leave a gap. A
record without a camera is not of camera 2, and it is not excluded with camera 2 either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidFilter
from service.gallery.columns import NO_TIME, ColumnView, LabelName
from service.gallery.record import AttributeValue, is_attribute_value
from service.gallery.rows import microseconds

MAX_VALUES = 1000

_LABEL_MEMBERS = ("camera", "identity", "scene", "exclude_camera", "exclude_scene")
_MEMBERS = (*_LABEL_MEMBERS, "captured_at", "attributes")


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold; None and empty mean no condition.

    `captured_from` (included) and `captured_to` (excluded) carry a time zone. `attributes` maps a
    name to the values that are allowed.
    """

    camera: tuple[str, ...] | None = None
    identity: tuple[str, ...] | None = None
    scene: tuple[str, ...] | None = None
    captured_from: datetime | None = None
    captured_to: datetime | None = None
    attributes: Mapping[str, tuple[AttributeValue, ...]] = field(default_factory=dict)
    exclude_camera: tuple[str, ...] | None = None
    exclude_scene: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for time in (self.captured_from, self.captured_to):
            if time is not None and time.utcoffset() is None:
                raise InvalidFilter(
                    f"The filter's time {time.isoformat()} has no time zone; "
                    "add one, as in 2024-05-01T00:00:00Z."
                )

    @classmethod
    def from_json(cls, document: object) -> Filter:
        """Read a filter as the module describes it.

        Raises `InvalidFilter` naming the member that is unknown or has a value of the wrong kind.
        """
        members = _object(document, "The filter")
        _refuse_unknown(members, _MEMBERS, "The filter")
        time_range = _object(_or_empty(members.get("captured_at")), "The filter's captured_at")
        _refuse_unknown(time_range, ("from", "to"), "The filter's captured_at")
        attributes = _object(_or_empty(members.get("attributes")), "The filter's attributes")
        return cls(
            **{name: _labels(name, members.get(name)) for name in _LABEL_MEMBERS},
            captured_from=_time("from", time_range.get("from")),
            captured_to=_time("to", time_range.get("to")),
            attributes={
                name: _values(name, value)
                for name, value in attributes.items()
                if value is not None
            },
        )

    def rows(self, columns: ColumnView) -> NDArray[np.bool_]:
        """Which rows (N,) of the columns satisfy every condition."""
        kept = np.ones(columns.size, dtype=np.bool_)
        labels: tuple[tuple[LabelName, tuple[str, ...] | None, tuple[str, ...] | None], ...] = (
            ("camera", self.camera, self.exclude_camera),
            ("identity", self.identity, None),
            ("scene", self.scene, self.exclude_scene),
        )
        for name, wanted, unwanted in labels:
            if wanted is not None:
                kept &= columns.with_label(name, wanted)
            if unwanted is not None:
                kept &= ~columns.with_label(name, unwanted)
        if self.captured_from is not None or self.captured_to is not None:
            kept &= columns.captured_at != NO_TIME
        if self.captured_from is not None:
            kept &= columns.captured_at >= microseconds(self.captured_from)
        if self.captured_to is not None:
            kept &= columns.captured_at < microseconds(self.captured_to)
        for attribute, values in self.attributes.items():
            allowed = np.zeros(columns.size, dtype=np.bool_)
            for value in values:
                allowed |= columns.with_attribute(attribute, value)
            kept &= allowed
        return kept


def _or_empty(value: object) -> object:
    return {} if value is None else value


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidFilter(f'{name} must be a JSON object, as in {{"camera": "2"}}.')
    return value


def _refuse_unknown(members: Mapping[str, object], known: tuple[str, ...], name: str) -> None:
    for member in members:
        if member not in known:
            raise InvalidFilter(f"{name} has no member {member!r}; use {', '.join(known)}.")


def _labels(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    values = value if isinstance(value, list | tuple) else [value]
    labels = tuple(each for each in values if isinstance(each, str))
    if len(labels) != len(values) or not 0 < len(labels) <= MAX_VALUES:
        raise InvalidFilter(
            f"The filter's {name} must be a text or a list of 1 to {MAX_VALUES} texts."
        )
    return labels


def _values(name: str, value: object) -> tuple[AttributeValue, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    if not 0 < len(values) <= MAX_VALUES or not all(map(is_attribute_value, values)):
        raise InvalidFilter(
            f"The filter's attribute {name!r} must be a text, a number, a boolean, "
            f"or a list of 1 to {MAX_VALUES} of them."
        )
    return tuple(values)


def _time(name: str, value: object) -> datetime | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise ValueError
        return datetime.fromisoformat(value)
    except ValueError:
        raise InvalidFilter(
            f"The filter's captured_at.{name} must be a time such as 2024-05-01T12:30:00Z."
        ) from None
