"""One query's ranking, best record first, fetched in stretches for as long as somebody reads on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.embedding.query import Query
from service.gallery.filters.filter import Filter
from service.gallery.gallery import Match
from service.gallery.protocol import GalleryProtocol
from service.gallery.query import MAX_RESULTS, Position
from vreid.scoring import ResolvedPolicy

_LONGEST_STRETCH = 1000


@dataclass(frozen=True, slots=True)
class RankedSearch:
    """What decides about a ranking.

    Attributes:
        gallery: where to search.
        query: what to search for; the records that it is made of are left out.
        policy: center, concat or shared.
        conditions: which records take part, None for all.
        as_of: the newest change that the ranking may see.
    """

    gallery: GalleryProtocol
    query: Query
    policy: ResolvedPolicy
    conditions: Filter | None
    as_of: int


def ranked(
    search: RankedSearch, after: Position | None, expected: int
) -> Iterator[tuple[Position, Match]]:
    """Yield the records after a position, each with its own position.

    Ends with the gallery, or after the MAX_RESULTS best records: the last position's depth says
    which. Every record is of one ranking, whatever is added or deleted meanwhile.

    Args:
        search: what decides about the ranking.
        after: None to begin with the best record.
        expected: how many will probably be read, so that one look suffices.
    """
    position = after
    stretch = max(1, expected + len(search.query.excluded_ids))
    while True:
        depth = 0 if position is None else position.depth
        wanted = min(stretch, MAX_RESULTS - depth)
        if wanted <= 0:
            return
        found = search.gallery.search(
            search.query.features,
            search.query.mask,
            wanted,
            search.policy,
            search.conditions,
            after=position,
            as_of=search.as_of,
        )
        for number, match in enumerate(found, depth + 1):
            position = Position(number, match.key, match.record.sequence)
            if match.record.id not in search.query.excluded_ids:
                yield position, match
        if len(found) < wanted:
            return
        stretch = min(2 * stretch, _LONGEST_STRETCH)
