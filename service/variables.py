"""The settings as environment variables: their values, and variables that no setting reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from service.settings import CLIENT_VARIABLES, PREFIX, Settings


def effective_values(settings: Settings) -> list[tuple[str, str, str]]:
    """Return (variable, value, description) of every setting, in the order of their definition."""
    return list(_values(settings, PREFIX))


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the `VREID_` variables that no setting reads, sorted: most are typing errors."""
    known = {*_variables(Settings, PREFIX), *CLIENT_VARIABLES}
    return sorted(
        name
        for name in environment
        if name.upper().startswith(PREFIX) and name.upper() not in known
    )


def _variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        yield variable
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variables(field.annotation, variable + "__")


def _values(model: BaseModel, prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _values(value, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper(), _shown(value), field.description or ""


def _shown(value: object) -> str:
    """As it has to be set: mappings in JSON."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, dict) else str(value)
