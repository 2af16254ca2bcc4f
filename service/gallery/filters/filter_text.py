"""Filters as JSON text, for listing and for deleting records."""

from __future__ import annotations

import json

from service.errors import InvalidFilter
from service.gallery.filters.filter import Filter
from service.requests.json_members import members_once


def parse_filter(text: str) -> Filter:
    """The filter of records that a JSON text says; `service.gallery.filters.filter_json` tells how.

    Raises `InvalidFilter` when it is not JSON, says something else, or compares with a query.
    """
    try:
        document = json.loads(text, object_pairs_hook=members_once)
    except (ValueError, RecursionError) as error:
        raise InvalidFilter(
            f'The filter has to be a JSON object, as in {{"camera": "north"}}: {error}'
        ) from None
    conditions = Filter.from_json(document)
    conditions.refuse_query()
    return conditions


def parse_deletion(text: str) -> Filter:
    """The filter of records to delete: `parse_filter`, and it has a condition everywhere.

    A program that lost a value sends {"camera": null}, which every record passes.
    """
    conditions = parse_filter(text)
    if _has_empty_part(conditions):
        raise InvalidFilter(
            "The filter, or one in it, has no condition, so every record passes it; say which "
            "records are to be deleted. To delete all of them, stop what serves the gallery, and "
            "delete its directory."
        )
    return conditions


def _has_empty_part(filter: Filter) -> bool:
    return filter == Filter() or any(map(_has_empty_part, filter.parts()))
