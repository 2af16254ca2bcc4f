"""The ranking of a gallery in Milvus: candidates from the server, scored exactly here.

The order is that of `vreid.scoring`, ties in the order of storing. It is the order over the whole
gallery as far as the candidates contain the best; with a FLAT index, or in a gallery with fewer
rows than candidates are taken, they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from service.gallery.filters.filter import Filter
from service.gallery.query import Position, Query
from service.gallery.record import Record
from service.milvus.candidates import FEWEST, PER_RESULT, candidates, groups
from service.milvus.collection import CollectionFacts
from service.milvus.connection import KEY, MOST_ROWS, Connection, Row
from service.milvus.expressions import both, expression_of
from service.milvus.rows import RECORD_FIELDS, decode
from vreid.calibration import Calibration
from vreid.policy import ResolvedPolicy
from vreid.scoring import score

# Rows with features that are held at a time: about 16 KB each.
_ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Scored:
    """A record and how alike it is; `key` is what records are ordered by, descending."""

    record: Record
    key: float
    score: float
    probability: float | None


@dataclass(frozen=True, slots=True)
class Search:
    """What decides about a ranking; `after` and `as_of` as in `GalleryProtocol.search`."""

    query: Query
    policy: ResolvedPolicy
    calibration: Calibration | None
    filter: Filter | None
    after: Position | None
    as_of: int | None


def ranked(
    connection: Connection,
    facts: CollectionFacts,
    search: Search,
    count: int,
    fewest: int = FEWEST,
) -> list[Scored]:
    """The `count` best records after the search's position; fewer when there are no more."""
    admitted = expression_of(search.filter)
    as_of = "" if search.as_of is None else f"sequence <= {search.as_of}"
    expression = both(admitted.text, as_of)
    needed = count + (0 if search.after is None else search.after.depth)
    wanted = max(fewest, PER_RESULT * needed)
    while wanted < MOST_ROWS:
        found = connection.at_once(
            [
                partial(candidates, connection, facts, group, expression, wanted)
                for group in groups(search.query, search.policy)
            ]
        )
        keys = sorted(frozenset().union(*(each.keys for each in found)))
        best = _best(_read(connection, facts, keys), search, needed)
        if len(best) >= needed or all(each.are_all for each in found):
            return _after(best, search.after)[:count]
        # The filter takes away more than Milvus could tell, or records are gone.
        wanted *= 4
    return _after(_best(_all(connection, facts, expression), search, needed), search.after)[:count]


def _best(blocks: Iterator[list[Record]], search: Search, count: int) -> list[Scored]:
    best: list[Scored] = []
    for block in blocks:
        admitted = [each for each in block if search.filter is None or search.filter.matches(each)]
        best += _scored(admitted, search)
        best.sort(key=lambda each: (-each.key, each.record.sequence))
        best = _without_repeated_ids(best)[:count]
    return best


def _scored(records: Sequence[Record], search: Search) -> list[Scored]:
    if not records:
        return []
    scores = score(
        search.query.features[None],
        search.query.mask[None],
        np.stack([each.features for each in records]),
        np.stack([each.mask for each in records]),
        search.policy,
        search.calibration,
    )
    return [
        Scored(
            record,
            float(scores.ranking_key[0, row]),
            float(scores.score[0, row]),
            None if scores.probability is None else float(scores.probability[0, row]),
        )
        for row, record in enumerate(records)
        if scores.valid[0, row]
    ]


def _after(best: Sequence[Scored], position: Position | None) -> list[Scored]:
    if position is None:
        return list(best)
    return [
        each
        for each in best
        if (-each.key, each.record.sequence) > (-position.key, position.sequence)
    ]


def _read(
    connection: Connection, facts: CollectionFacts, keys: Sequence[str]
) -> Iterator[list[Record]]:
    for first in range(0, len(keys), _ROWS_AT_ONCE):
        rows = connection.by_key(keys[first : first + _ROWS_AT_ONCE], RECORD_FIELDS)
        yield _decoded(rows, facts)


def _all(connection: Connection, facts: CollectionFacts, expression: str) -> Iterator[list[Record]]:
    after = ""
    while rows := connection.query(expression, RECORD_FIELDS, _ROWS_AT_ONCE, after):
        yield _decoded(rows, facts)
        after = str(rows[-1][KEY])


def _decoded(rows: Sequence[Row], facts: CollectionFacts) -> list[Record]:
    ordered = sorted(rows, key=lambda row: str(row[KEY]))
    return [decode(row, facts.feature_size) for row in ordered]


def _without_repeated_ids(best: Sequence[Scored]) -> list[Scored]:
    """A record that is being relabelled has two rows for a moment; the older one counts."""
    oldest: dict[str, int] = {}
    for record in (each.record for each in best):
        oldest[record.id] = min(record.sequence, oldest.get(record.id, record.sequence))
    return [each for each in best if each.record.sequence == oldest[each.record.id]]
