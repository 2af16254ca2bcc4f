from typing import Any

import pytest

from service.errors import InvalidFilter
from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_json import MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES, MEMBERS


def nested(depth: int) -> dict[str, Any]:
    document: dict[str, Any] = {"camera": "2"}
    for _ in range(depth - 1):
        document = {"not": document}
    return document


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"camera": 2}, "camera"),
        ({"camera": []}, "camera"),
        ({"camera": ["1", None]}, "camera"),
        ({"exclude_camera": {"exists": True}}, "exclude_camera"),
        ({"identity": {"not": "a"}}, "identity"),
        ({"identity": {}}, "identity must say"),
        ({"identity": {"exists": 1}}, "exists"),
        ({"captured_at": "2024-05-01"}, "captured_at"),
        ({"captured_at": {"after": "2024-05-01T00:00:00Z"}}, "after"),
        ({"captured_at": {"from": "yesterday"}}, "captured_at.from"),
        ({"captured_at": {"from": 5}}, "captured_at.from"),
        ({"captured_at": {"to": "2024-05-01T00:00:00"}}, "time zone"),
        ({"captured_at": {"exists": "no"}}, "captured_at"),
        ({"attributes": ["kind"]}, "attributes"),
        ({"attributes": {"kind": []}}, "kind"),
        ({"attributes": {"kind": [None]}}, "kind"),
        ({"attributes": {"kind": {}}}, "kind"),
        ({"attributes": {"kind": {"from": 1, "to": "2"}}}, "kind"),
        ({"attributes": {"kind": {"from": True}}}, "kind"),
        ({"attributes": {"kind": {"from": [1]}}}, "from must be"),
        ({"attributes": {"kind": {"below": 1}}}, "below"),
        ({"attributes": {"kind": {"from": 1, "above": 1}}}, "from and above"),
        ({"attributes": {"kind": {"exists": True, "from": 1}}}, "from"),
        ({"attributes": {"speed": {"from": 2**53 + 1}}}, "speed"),
        ({"attributes": {"speed": float("nan")}}, "speed"),
        ({"exclude_same_camera": "2"}, "exclude_same_camera"),
        ({"and": {"camera": "2"}}, "and must be a list"),
        ({"or": []}, "or must be a list"),
        ({"or": [{}, None]}, r"or\[1\]"),
        ({"or": [{"and": [{"camera": 1}]}]}, r"or\[0\]'s and\[0\]'s camera"),
        ({"not": [{"camera": "2"}]}, "not must be a JSON object"),
        ({"camera": [str(number) for number in range(MAX_VALUES + 1)]}, "camera"),
        (
            {"or": [{"camera": ["a"] * 400, "attributes": {"kind": ["b"] * 400}}] * 2},
            f"more than {MAX_VALUES} values",
        ),
        (nested(MAX_DEPTH + 1), f"{MAX_DEPTH} deep"),
        (["camera"], "JSON object"),
        ("camera", "JSON object"),
        (None, "JSON object"),
    ],
)
def test_a_filter_that_says_something_else_is_refused_by_name(document: object, named: str) -> None:
    with pytest.raises(InvalidFilter, match=named):
        Filter.from_json(document)


def test_filters_are_nested_as_deep_as_is_said() -> None:
    Filter.from_json(nested(MAX_DEPTH))


@pytest.mark.parametrize(
    "document_of",
    [
        lambda count: {"attributes": {f"a{number}": 1 for number in range(count - 1)}},
        lambda count: {"or": [{"camera": "2"}] * (count - 1)},
    ],
)
def test_a_filter_has_as_many_conditions_as_is_said(document_of: Any) -> None:  # noqa: ANN401
    Filter.from_json(document_of(MAX_CONDITIONS))
    with pytest.raises(InvalidFilter, match=f"more than {MAX_CONDITIONS} conditions"):
        Filter.from_json(document_of(MAX_CONDITIONS + 1))


def test_a_refused_member_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(InvalidFilter, match=", ".join(MEMBERS)):
        Filter.from_json({"cameras": "2"})
