"""Filters as JSON, read and written.

Every member is optional (null is like leaving it out) and all of them are required to hold:

    {"camera": "2" or ["2", "3"], "identity": ..., "scene": ...,
     "exclude_camera": ..., "exclude_identity": ..., "exclude_scene": ...,
     "captured_at": {"from": "2024-05-01T00:00:00Z", "to": "2024-05-02T00:00:00Z"},
     "attributes": {"colour": "red" or ["red", "white"],
                    "speed": {"from": 10, "to": 50},
                    "seen_on": {"above": "2024-05-01", "through": "2024-05-31"},
                    "plate": {"exists": true}},
     "exclude_same_camera": true, "exclude_same_scene": true,
     "and": [FILTER, ...], "or": [FILTER, ...], "not": FILTER}

`camera`, `identity`, `scene` and `captured_at` take `{"exists": true}` and `{"exists": false}` too:
`{"identity": {"exists": false}}` asks for the records that nobody has named yet.

Of a range, `from` is included and `to` is not, so that consecutive ranges neither overlap nor leave
a gap; ranges of attributes have `above` (not included) and `through` (included) as well. Texts are
ordered by code point, which is the order of time for ISO dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from service.errors import InvalidFilter
from service.gallery.columns.attribute_values import Range
from service.gallery.filters.filter import AttributeCondition, Exists, Filter, LabelCondition
from service.gallery.record import AttributeValue, is_attribute_value

MAX_VALUES = 1000
"""Values in all lists of the filter together."""

MAX_CONDITIONS = 100
"""Members of the filter and of all filters in it, each attribute counted."""

MAX_DEPTH = 8
"""Filters within filters."""

JsonValue: TypeAlias = "str | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

_LABELS = ("camera", "identity", "scene")
_EXCLUDED = ("exclude_camera", "exclude_scene", "exclude_identity")
_SAME = ("exclude_same_camera", "exclude_same_scene")
MEMBERS = (*_LABELS, "captured_at", "attributes", *_EXCLUDED, *_SAME, "and", "or", "not")

_LOW = {"from": True, "above": False}
_HIGH = {"to": False, "through": True}


@dataclass(slots=True)
class _Allowance:
    """How many conditions may still come."""

    conditions: int = MAX_CONDITIONS

    def spend(self, count: int) -> None:
        self.conditions -= count
        if self.conditions < 0:
            raise InvalidFilter(
                f"The filter has more than {MAX_CONDITIONS} conditions; put the values of one "
                "label or attribute into one list, or ask in several calls."
            )


def read_filter(document: object) -> Filter:
    """Read a filter of decoded JSON.

    Raises `InvalidFilter` naming the member that is unknown, has a value of the wrong kind, or is
    one too many.
    """
    found = _filter(document, "The filter", 1, _Allowance())
    if _values_in(found) > MAX_VALUES:
        raise InvalidFilter(
            f"The filter has more than {MAX_VALUES} values in its lists; ask in several calls."
        )
    return found


def written_filter(filter: Filter) -> dict[str, JsonValue]:
    """The filter as JSON that `read_filter` reads as an equal one."""
    document: dict[str, JsonValue] = {}
    for name, wanted, unwanted in filter.labels():
        if wanted is not None:
            document[name] = _written_condition(wanted)
        if unwanted is not None:
            document[f"exclude_{name}"] = list(unwanted)
    time = {
        "exists": None if filter.captured is None else filter.captured.wanted,
        "from": None if filter.captured_from is None else filter.captured_from.isoformat(),
        "to": None if filter.captured_to is None else filter.captured_to.isoformat(),
    }
    if any(value is not None for value in time.values()):
        document["captured_at"] = {k: value for k, value in time.items() if value is not None}
    if filter.attributes:
        document["attributes"] = {
            name: _written_condition(condition) for name, condition in filter.attributes.items()
        }
    for member in _SAME:
        if getattr(filter, member):
            document[member] = True
    for member, parts in (("and", filter.all_of), ("or", filter.any_of)):
        if parts:
            document[member] = [written_filter(part) for part in parts]
    if filter.negated is not None:
        document["not"] = written_filter(filter.negated)
    return document


def _filter(document: object, name: str, depth: int, allowance: _Allowance) -> Filter:
    if depth > MAX_DEPTH:
        raise InvalidFilter(
            f"The filter has filters within filters more than {MAX_DEPTH} deep; "
            "write it with fewer levels."
        )
    members = _object(document, name)
    _refuse_unknown(members, MEMBERS, name)
    given = {member: value for member, value in members.items() if value is not None}
    allowance.spend(len(given))
    captured_from, captured_to, captured = _time_condition(given.get("captured_at"), name)
    negated = given.get("not")
    return Filter(
        camera=_label_condition(given.get("camera"), f"{name}'s camera"),
        identity=_label_condition(given.get("identity"), f"{name}'s identity"),
        scene=_label_condition(given.get("scene"), f"{name}'s scene"),
        captured_from=captured_from,
        captured_to=captured_to,
        captured=captured,
        attributes=_attributes(given.get("attributes"), name, allowance),
        exclude_camera=_labels(given.get("exclude_camera"), f"{name}'s exclude_camera"),
        exclude_scene=_labels(given.get("exclude_scene"), f"{name}'s exclude_scene"),
        exclude_identity=_labels(given.get("exclude_identity"), f"{name}'s exclude_identity"),
        exclude_same_camera=_flag(
            given.get("exclude_same_camera"), f"{name}'s exclude_same_camera"
        ),
        exclude_same_scene=_flag(given.get("exclude_same_scene"), f"{name}'s exclude_same_scene"),
        all_of=_filters(given.get("and"), f"{name}'s and", depth, allowance),
        any_of=_filters(given.get("or"), f"{name}'s or", depth, allowance),
        negated=(
            None if negated is None else _filter(negated, f"{name}'s not", depth + 1, allowance)
        ),
    )


def _values_in(filter: Filter) -> int:
    lists = [
        *filter.attributes.values(),
        *(part for _, wanted, unwanted in filter.labels() for part in (wanted, unwanted)),
    ]
    own = sum(len(each) for each in lists if isinstance(each, tuple))
    return own + sum(map(_values_in, filter.parts()))


def _filters(value: object, name: str, depth: int, allowance: _Allowance) -> tuple[Filter, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not value:
        raise InvalidFilter(f"{name} must be a list of filters, and not an empty one.")
    return tuple(
        _filter(each, f"{name}[{position}]", depth + 1, allowance)
        for position, each in enumerate(value)
    )


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidFilter(f'{name} must be a JSON object, as in {{"camera": "2"}}.')
    return value


def _refuse_unknown(members: Iterable[str], known: Iterable[str], name: str) -> None:
    for member in members:
        if member not in known:
            raise InvalidFilter(f"{name} has no member {member!r}; use {', '.join(known)}.")


def _label_condition(value: object, name: str) -> LabelCondition | None:
    return _exists(value, name) if isinstance(value, Mapping) else _labels(value, name)


def _labels(value: object, name: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    values = value if isinstance(value, list | tuple) else [value]
    labels = tuple(each for each in values if isinstance(each, str))
    if len(labels) != len(values) or not 0 < len(labels) <= MAX_VALUES:
        raise InvalidFilter(f"{name} must be a text or a list of 1 to {MAX_VALUES} texts.")
    return labels


def _flag(value: object, name: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidFilter(f"{name} must be true or false.")


def _exists(value: Mapping[str, object], name: str) -> Exists:
    _refuse_unknown(value, ("exists",), name)
    wanted = value.get("exists")
    if not isinstance(wanted, bool):
        raise InvalidFilter(f'{name} must say {{"exists": true}} or {{"exists": false}}.')
    return Exists(wanted)


def _attributes(value: object, name: str, allowance: _Allowance) -> dict[str, AttributeCondition]:
    if value is None:
        return {}
    attributes = _object(value, f"{name}'s attributes")
    allowance.spend(len(attributes))
    return {
        attribute: _attribute_condition(condition, f"{name}'s attribute {attribute!r}")
        for attribute, condition in attributes.items()
        if condition is not None
    }


def _attribute_condition(value: object, name: str) -> AttributeCondition:
    if isinstance(value, Mapping):
        return _exists(value, name) if "exists" in value else _range(value, name)
    values = value if isinstance(value, list | tuple) else [value]
    if not 0 < len(values) <= MAX_VALUES or not all(map(is_attribute_value, values)):
        raise InvalidFilter(
            f"{name} must be a text, a number, a boolean, a list of 1 to {MAX_VALUES} of them, "
            'a range as in {"from": 10, "to": 50}, or {"exists": true}.'
        )
    return tuple(values)


def _range(value: Mapping[str, object], name: str) -> Range:
    _refuse_unknown(value, (*_LOW, *_HIGH, "exists"), name)
    low, includes_low = _end(value, _LOW, name)
    high, includes_high = _end(value, _HIGH, name)
    try:
        return Range(
            low,
            high,
            includes_low=True if includes_low is None else includes_low,
            includes_high=False if includes_high is None else includes_high,
        )
    except ValueError as error:
        raise InvalidFilter(f'{name}: {error}, as in {{"from": 10, "to": 50}}.') from None


def _end(
    value: Mapping[str, object], members: Mapping[str, bool], name: str
) -> tuple[AttributeValue | None, bool | None]:
    """One end of a range, and whether it is included; None and None when there is none."""
    given = [member for member in members if value.get(member) is not None]
    if len(given) > 1:
        raise InvalidFilter(f"{name} has both {' and '.join(given)}; give one of them.")
    if not given:
        return None, None
    end = value[given[0]]
    if not isinstance(end, str | int | float) or not is_attribute_value(end):
        raise InvalidFilter(f"{name}: {given[0]} must be a number or a text.")
    return end, members[given[0]]


def _time_condition(
    value: object, name: str
) -> tuple[datetime | None, datetime | None, Exists | None]:
    if value is None:
        return None, None, None
    condition = _object(value, f"{name}'s captured_at")
    _refuse_unknown(condition, ("from", "to", "exists"), f"{name}'s captured_at")
    exists = (
        None
        if condition.get("exists") is None
        else _exists({"exists": condition["exists"]}, f"{name}'s captured_at")
    )
    return (
        _time(condition.get("from"), f"{name}'s captured_at.from"),
        _time(condition.get("to"), f"{name}'s captured_at.to"),
        exists,
    )


def _time(value: object, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise ValueError
        return datetime.fromisoformat(value)
    except ValueError:
        raise InvalidFilter(f"{name} must be a time such as 2024-05-01T12:30:00Z.") from None


def _written_condition(condition: LabelCondition | AttributeCondition) -> JsonValue:
    if isinstance(condition, Exists):
        return {"exists": condition.wanted}
    if isinstance(condition, Range):
        ends = {
            "from" if condition.includes_low else "above": condition.low,
            "through" if condition.includes_high else "to": condition.high,
        }
        return {name: end for name, end in ends.items() if end is not None}
    return list(condition)
