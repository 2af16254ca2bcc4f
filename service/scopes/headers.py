"""A request's headers as its scope holds them.

Starlette's `Headers` decodes every header at each look, and a request is asked for ten.
"""

from __future__ import annotations

from starlette.types import Scope


def header_of(scope: Scope, name: bytes) -> str | None:
    """Return the first header of a name, which is given in lower case; None where there is none."""
    for each, value in scope["headers"]:
        if each == name:
            return str(value, "latin-1")
    return None
