"""What a line of the audit log says of a call beside who, when and where to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.types import Scope

from vreid.modality import Modality

MOST_CHARACTERS = 1024
"""Of each value that a client sent; the rest is cut and marked."""

MOST_MEMBERS = 64
"""Of each list, as many as a request has samples by default; how many more there were is said."""

_DETAILS = "audit"


def details_of(scope: Scope) -> dict[str, Any]:
    """Return what the call's line will say; whoever answers the call fills it."""
    details: dict[str, Any] = scope["state"].setdefault(_DETAILS, {})
    return details


def image_digests(samples: Iterable[Mapping[Modality, bytes]]) -> list[dict[str, str]]:
    """Return the SHA-256 of each image file of samples, by the name of its modality.

    Whoever has a file can tell whether it was sent, and nobody can make a picture out of it.
    """
    return [
        {modality.value: hashlib.sha256(image).hexdigest() for modality, image in sample.items()}
        for sample in samples
    ]


def bounded_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return details without their empty members and with no member of more than it may have.

    A thread that goes on after its caller has left may still add to them.
    """
    told = dict(details)
    return {name: _bounded(value) for name, value in told.items() if value not in (None, [], {})}


def bounded(text: str) -> str:
    """Return a text of at most `MOST_CHARACTERS` characters, marked where it was cut."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}... ({len(text)} characters)"


def _bounded(value: object) -> object:
    if isinstance(value, list):
        kept = [_cut(each) for each in value[:MOST_MEMBERS]]
        more = len(value) - len(kept)
        return [*kept, f"... and {more} more"] if more else kept
    return _cut(value)


def _cut(value: object) -> object:
    text = json.dumps(value)
    return value if len(text) <= MOST_CHARACTERS else bounded(text)
