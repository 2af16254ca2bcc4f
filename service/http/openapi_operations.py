"""The operations of an OpenAPI document, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_METHODS = ("get", "post", "patch", "put", "delete")
"""Beside them a path may have members that are no operations."""


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method in lower case, path and operation."""
    for path, members in document["paths"].items():
        for method, operation in members.items():
            if method in _METHODS:
                yield method, path, operation
