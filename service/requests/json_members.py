"""JSON texts in which a name stands twice: readers keep one of the two and say nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Value = TypeVar("Value")


def members_once(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return the members of a JSON object, as `json.loads` takes it for `object_pairs_hook`.

    Raises:
        ValueError: two members have one name.
    """
    members: dict[str, Value] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the member {name!r} is given twice")
        members[name] = value
    return members
