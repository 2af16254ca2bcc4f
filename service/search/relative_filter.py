"""A filter's conditions relative to the query: other cameras, other scenes.

The query's cameras and scenes are those of its records, and what the request says of its images.
"""

from __future__ import annotations

from service.embedding.query import Query
from service.gallery.filters.filter import Filter
from service.request_errors import FieldProblem, InvalidRequest


def relative_filter(conditions: Filter, query: Query) -> tuple[Filter, list[str]]:
    """Return the filter for this query, and sentences about conditions that leave nothing out.

    Raises:
        InvalidRequest: the filter needs the query's camera or scene, and the request, which is
            for no record, does not say it.
    """
    labels = {"camera": query.cameras, "scene": query.scenes}
    unknown = [name for name in sorted(conditions.compares_with_query) if not labels.get(name)]
    if unknown and not query.excluded_ids:
        raise InvalidRequest(
            [
                FieldProblem(
                    name, f"is missing; the filter's exclude_same_{name} needs the query's {name}"
                )
                for name in unknown
            ]
        )
    warnings = [
        f"the filter's exclude_same_{name} leaves nothing out, since no {name} is known of the "
        f"query; send {name}"
        for name in unknown
    ]
    return conditions.relative_to(query.cameras, query.scenes), warnings
