"""What a line of the audit log says of a call beside who, when and where to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

MOST_CHARACTERS = 1024
"""Of each value that a client sent; the rest is cut and marked."""

MOST_MEMBERS = 20
"""Of each list; how many more there were is said."""

_DETAILS = "audit"


def details_of(scope: Scope) -> dict[str, Any]:
    """Return what the call's line will say; whoever answers the call fills it."""
    details: dict[str, Any] = scope["state"].setdefault(_DETAILS, {})
    return details


def bounded_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return details without their empty members and with no member of more than it may have."""
    return {name: _bounded(value) for name, value in details.items() if value not in (None, [], {})}


def bounded(text: str) -> str:
    """Return a text of at most `MOST_CHARACTERS` characters, marked where it was cut."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}... ({len(text)} characters)"


def _bounded(value: object) -> object:
    if isinstance(value, list):
        kept = [_bounded(each) for each in value[:MOST_MEMBERS]]
        more = len(value) - len(kept)
        return [*kept, f"... and {more} more"] if more else kept
    text = json.dumps(value)
    return value if len(text) <= MOST_CHARACTERS else bounded(text)
