"""Retrieval metrics: CMC, mean average precision and mean inverse negative penalty.

The protocol of re-identification: gallery samples of the query's own identity that share its
scene (MSVR310) or its camera (RGBNT100, RGBN300) are junk and are dropped from its
ranking; queries without any positive left are skipped; average precision is the mean of the
precision at each hit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.errors import MetricError

Junk = Literal["scene", "camera", "view"] | None

LabelArray = Sequence[object] | NDArray[np.generic]
"""One label per sample: integers or strings, None where unknown."""

JUNK_FIELDS = ("scene", "camera", "view")


@dataclass(frozen=True)
class Labels:
    """Who and where, one entry per sample: integers or strings; None where unknown.

    An unknown identity matches nothing, and an unknown camera or scene makes nothing junk.
    """

    identity: LabelArray
    camera: LabelArray | None = None
    scene: LabelArray | None = None
    view: LabelArray | None = None


@dataclass(frozen=True)
class Ranking:
    """The result of an evaluation over V valid queries and G gallery samples.

    Attributes:
        map: mean average precision, in [0, 1].
        cmc: shape (G,); ``cmc[k - 1]`` is the share of valid queries with a positive among their
            first k, so rank-1 is ``cmc[0]``.
        valid_queries: V, the queries that have at least one positive.
        average_precision: of each valid query, shape (V,), in query order.
        first_match: rank, counted from 1, of each valid query's first positive, shape (V,); G + 1
            where none was retrieved.
        mean_inverse_negative_penalty: mean over queries of positives / rank of the last positive.
        query_rows: the valid queries' rows in the distance matrix, shape (V,).
    """

    map: float
    cmc: NDArray[np.float64]
    valid_queries: int
    average_precision: NDArray[np.float64]
    first_match: NDArray[np.int64]
    mean_inverse_negative_penalty: float
    query_rows: NDArray[np.int64]


def evaluate_ranking(
    distances: ArrayLike,
    query: object,
    gallery: object,
    junk: Junk,
    ignored: NDArray[np.bool_] | None = None,
) -> Ranking:
    """Rank the gallery for each query by ascending distance and measure the ranking.

    Ties go to the earlier gallery row. A sample at infinite distance is not retrieved at all: a
    positive there adds nothing to the average precision, matches at no rank, and counts as the
    last place of the query's ranking, junk dropped, in the inverse negative penalty.

    Args:
        distances: shape (Q, G).
        query: labels of the queries: `Labels`, or any object or mapping with arrays ``identity``
            and, where junk needs it, ``camera``, ``scene`` or ``view``, each of length Q.
        gallery: likewise, of length G.
        junk: which shared field makes a gallery sample of the same identity junk; None for none.
        ignored: (Q, G), further pairs to leave out, such as a query with itself; None for none.

    Raises:
        MetricError: shapes or labels do not fit, a distance is NaN, or no query has a positive.
    """
    matrix = np.asarray(distances, dtype=np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise MetricError(
            f"distances have the shape {matrix.shape}; give (queries, gallery), neither empty"
        )
    if np.isnan(matrix).any():
        raise MetricError("a distance is NaN; check the features that it was computed from")
    if junk is not None and junk not in JUNK_FIELDS:
        raise MetricError(f"{junk!r} is no junk rule; use one of {', '.join(JUNK_FIELDS)} or None")

    query_identity, gallery_identity = _codes(query, gallery, "identity", matrix.shape)
    place = None if junk is None else _codes(query, gallery, junk, matrix.shape)

    if ignored is not None and ignored.shape != matrix.shape:
        raise MetricError(f"ignored has the shape {ignored.shape}; give that of distances")

    average_precision: list[float] = []
    first_match: list[int] = []
    inverse_penalty: list[float] = []
    query_rows: list[int] = []
    unmatched = matrix.shape[1] + 1
    for row in range(len(matrix)):
        order = np.argsort(matrix[row], kind="stable")
        same = query_identity[row] == gallery_identity[order]
        kept = np.ones(len(order), dtype=np.bool_)
        if place is not None:
            kept &= ~(same & (place[0][row] == place[1][order]))
        if ignored is not None:
            kept &= ~ignored[row][order]
        positives = int(np.count_nonzero(same & kept))
        if not positives:
            continue
        retrieved = matrix[row][order] < np.inf
        ranks = np.flatnonzero((same & retrieved)[kept]) + 1
        query_rows.append(row)
        average_precision.append(float(np.sum(np.arange(1, ranks.size + 1) / ranks) / positives))
        first_match.append(int(ranks[0]) if ranks.size else unmatched)
        last = int(ranks[-1]) if ranks.size == positives else int(np.count_nonzero(kept))
        inverse_penalty.append(positives / last)
    if not query_rows:
        raise MetricError(
            "no query has a positive in the gallery; check the identities and the junk rule"
        )

    firsts = np.asarray(first_match, dtype=np.int64)
    hits = np.bincount(firsts - 1, minlength=unmatched)[: matrix.shape[1]]
    return Ranking(
        map=float(np.mean(average_precision)),
        cmc=np.cumsum(hits) / len(firsts),
        valid_queries=len(firsts),
        average_precision=np.asarray(average_precision, dtype=np.float64),
        first_match=firsts,
        mean_inverse_negative_penalty=float(np.mean(inverse_penalty)),
        query_rows=np.asarray(query_rows, dtype=np.int64),
    )


def _codes(
    query: object, gallery: object, name: str, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The label ``name`` of both sides as integers that are equal where the labels are.

    Unknown (None) becomes -1 among the queries and -2 in the gallery, equal to nothing.
    """
    numbers: dict[object, int] = {}
    coded = []
    for side, labels, length, unknown in (
        ("query", query, shape[0], -1),
        ("gallery", gallery, shape[1], -2),
    ):
        values = _values(labels, name, side)
        if len(values) != length:
            raise MetricError(
                f"{side}.{name} has {len(values)} entries and distances have {length}; "
                "give one label per row or column"
            )
        try:
            codes = [
                unknown if value is None else numbers.setdefault(value, len(numbers))
                for value in values
            ]
        except TypeError as error:
            raise MetricError(
                f"{side}.{name} holds something that is no label; give integers or strings"
            ) from error
        coded.append(np.array(codes, dtype=np.int64))
    return coded[0], coded[1]


def _values(labels: object, name: str, side: str) -> list[object]:
    found = labels.get(name) if isinstance(labels, Mapping) else getattr(labels, name, None)
    if found is None:
        raise MetricError(f"{side} has no {name} labels; give an array named {name!r}")
    if hasattr(found, "tolist") or not isinstance(found, Iterable):
        found = np.asarray(found)
        if found.ndim != 1:
            raise MetricError(f"{side}.{name} has the shape {found.shape}; give one dimension")
        return list(found.tolist())
    return [value.item() if isinstance(value, np.generic) else value for value in found]
