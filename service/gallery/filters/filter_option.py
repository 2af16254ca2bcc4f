"""A filter as an option of a command."""

from __future__ import annotations

import click

from service.errors import InvalidFilter
from service.gallery.filters.filter import Filter
from service.gallery.filters.filter_text import parse_deletion, parse_filter


class FilterOption(click.ParamType[Filter]):
    """A filter as JSON on the command line; `deletes` when it selects what is deleted."""

    name = "JSON"

    def __init__(self, *, deletes: bool = False) -> None:
        self._parse = parse_deletion if deletes else parse_filter

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Filter:
        """The filter; refuses the option when it is none."""
        try:
            return self._parse(value)
        except InvalidFilter as error:
            self.fail(str(error), param, ctx)
