"""How a filter looks in the API document; `service.gallery.filters.filter_json` reads it.

These models describe and do not validate: that module's sentences say what is wrong and where.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

from service.gallery.filters.filter_json import MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES

EXAMPLES: dict[str, dict[str, Any]] = {
    "two cameras in one hour": {
        "camera": ["north", "gate"],
        "captured_at": {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T13:00:00Z"},
    },
    "other cameras than the query's": {"exclude_same_camera": True},
    "without an identity": {"identity": {"exists": False}},
    "fast buses and lorries": {
        "attributes": {"kind": ["bus", "lorry"], "speed": {"from": 50, "to": 80}}
    },
    "white, or seen at the gate but not by night": {
        "or": [
            {"attributes": {"colour": "white"}},
            {"camera": "gate", "not": {"attributes": {"light": "night"}}},
        ]
    },
}

Texts = str | list[str]
Scalar = str | float | bool


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Existence(_Described):
    """Whether there is a value at all."""

    exists: bool


class TimeCondition(_Described):
    """A stretch of time, or whether the time is known."""

    from_: datetime | None = Field(default=None, alias="from", description="this time or later")
    to: datetime | None = Field(default=None, description="before this time")
    exists: bool | None = None


class AttributeRange(_Described):
    """Numbers, or texts in the order of their code points, such as ISO dates."""

    from_: str | float | None = Field(default=None, alias="from", description="this or above")
    above: str | float | None = Field(default=None, description="above this")
    to: str | float | None = Field(default=None, description="below this")
    through: str | float | None = Field(default=None, description="this or below")


class FilterInput(_Described):
    """Which records take part; all members that are given have to hold."""

    model_config = ConfigDict(
        extra="forbid",
        title="Filter",
        json_schema_extra={
            "description": "Which records take part; all members that are given have to hold. "
            "A condition that asks for a value does not hold for a record without one. At most "
            f"{MAX_CONDITIONS} conditions, {MAX_VALUES} values in lists, and filters "
            f"{MAX_DEPTH} deep.",
            "examples": list(EXAMPLES.values()),
        },
    )

    camera: Texts | Existence | None = Field(default=None, description="one of these cameras")
    identity: Texts | Existence | None = Field(default=None, description="one of these identities")
    scene: Texts | Existence | None = Field(default=None, description="one of these scenes")
    captured_at: TimeCondition | None = None
    attributes: dict[str, Scalar | list[Scalar] | AttributeRange | Existence] | None = Field(
        default=None, description="one of these values, a range, or whether there is one"
    )
    exclude_camera: Texts | None = Field(default=None, description="none of these cameras")
    exclude_identity: Texts | None = Field(default=None, description="none of these identities")
    exclude_scene: Texts | None = Field(default=None, description="none of these scenes")
    exclude_same_camera: bool | None = Field(
        default=None, description="not from the query's camera; in searches only"
    )
    exclude_same_scene: bool | None = Field(
        default=None, description="not from the query's scene; in searches only"
    )
    and_: list[FilterInput] | None = Field(
        default=None, alias="and", min_length=1, description="all of these hold"
    )
    or_: list[FilterInput] | None = Field(
        default=None, alias="or", min_length=1, description="one of these holds"
    )
    not_: FilterInput | None = Field(default=None, alias="not", description="this does not hold")


class _LooksLikeAFilter:
    """Describes a JSON object that is read elsewhere as the `FilterInput` that it is."""

    def __get_pydantic_json_schema__(
        self, _: object, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(FilterInput.__pydantic_core_schema__)


FilterDocument = Annotated[dict[str, Any], _LooksLikeAFilter()]
"""A filter as it was sent, for `Filter.from_json`."""

FilterText = Annotated[
    str,
    Field(
        description="a filter (see the schema FilterInput) as JSON text",
        json_schema_extra={"contentMediaType": "application/json"},
        examples=[json.dumps(EXAMPLES["without an identity"])],
    ),
]
"""A filter in a query string, for `service.gallery.filters.filter_text`."""
