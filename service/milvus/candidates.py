"""Which rows can be among the best: Milvus's nearest vectors, a few more than are wanted.

Within rows that have the same modalities, every policy ranks by one cosine, so candidates are taken
from each such group. Where a query has only a part of a group's modalities, Milvus compares with
the whole concatenation, which is close to that cosine and not the same; there more are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.gallery.query import Query
from service.gallery.store.rows import mask_bits
from service.milvus.collection import CENTER, CONCATENATION, CollectionFacts
from service.milvus.connection import KEY, MOST_ROWS, Connection
from service.milvus.expressions import both
from service.milvus.rows import concatenation
from vreid.fusion import masked_center
from vreid.policy import COMPLETE, ResolvedPolicy

PER_RESULT = 4
FEWEST = 200

_MORE_FOR_A_PART = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are ranked by the inner product with one vector of a field.

    `is_close_only` says that the ranking's cosine is another one.
    """

    expression: str
    field: str
    vector: NDArray[np.float32]
    is_close_only: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Keys of rows; `are_all` says that no other row of the group satisfies the expression."""

    keys: frozenset[str]
    are_all: bool


def groups(query: Query, policy: ResolvedPolicy) -> Iterator[Group]:
    """What Milvus is asked for a query."""
    center = masked_center(query.features[None], query.mask[None]).reshape(-1)
    if policy == "center":
        yield Group("", CENTER, center)
        return
    queried = mask_bits(query.mask)
    whole = concatenation(query.features, query.mask)
    if policy == "concat":
        if queried == COMPLETE:
            yield Group(f"mask == {COMPLETE}", CONCATENATION, whole)
        return
    for present in range(1, COMPLETE + 1):
        expression = f"mask == {present}"
        if queried & present:
            # Modalities that one side lacks are zeros there and add nothing.
            yield Group(expression, CONCATENATION, whole, queried & present != present)
        else:
            yield Group(expression, CENTER, center)


def candidates(
    connection: Connection, facts: CollectionFacts, group: Group, expression: str, count: int
) -> Candidates:
    """Rows of a group that satisfy an expression and contain, with luck, the `count` best."""
    wanted = min(MOST_ROWS, count * (_MORE_FOR_A_PART if group.is_close_only else 1))
    narrowed = both(expression, group.expression)
    found = connection.nearest(group.field, group.vector, wanted, narrowed, facts.asking(wanted))
    if len(found) == wanted:
        return Candidates(frozenset(found), are_all=False)
    if facts.index == "FLAT":
        return Candidates(frozenset(found), are_all=True)
    # An approximate index may give fewer than there are: few rows are listed instead.
    listed = [str(row[KEY]) for row in connection.query(narrowed, [KEY], wanted + 1)]
    return Candidates(frozenset([*found, *listed[:wanted]]), are_all=len(listed) <= wanted)
