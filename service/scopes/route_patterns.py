"""Which route a path leads to, asked before and after the router itself decides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, compile_path

OTHER = "other"
"""The pattern of paths that lead nowhere."""

Call = tuple[str, str]
"""Method and pattern, as `GET`, `/gallery/{id}`."""


class RoutePatterns:
    """Finds the pattern of a path among those of an application, compiled when first asked."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = patterns

    def of(self, path: str) -> str:
        """Return the pattern of the route that a path leads to, as `/gallery/{id}`, or OTHER."""
        plain, with_parameters = self._compiled
        if path in plain:
            return path
        for expression, pattern in with_parameters:
            if expression.match(path):
                return pattern
        return OTHER

    @cached_property
    def _compiled(self) -> tuple[frozenset[str], list[tuple[re.Pattern[str], str]]]:
        every = list(dict.fromkeys(self._patterns))
        with_parameters = [(compile_path(each)[0], each) for each in every if "{" in each]
        return frozenset(each for each in every if "{" not in each), with_parameters


def patterns_of(app: FastAPI) -> Iterator[str]:
    """Yield the patterns of an application's routes in their order; read when iterated."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.route, Mount):
            yield f"{context.path}/{{path:path}}"
        elif context.path is not None:
            yield context.path


def calls_of(app: FastAPI) -> list[Call]:
    """Return every call of an application; files that are mounted are no calls."""
    return [
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        if context.path is not None
        for method in sorted(context.methods or ())
    ]
