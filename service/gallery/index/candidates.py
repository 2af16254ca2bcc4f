"""Which rows can be among the best: few enough to be scored exactly.

The tail's segments compare unit vectors in float32, so a row that they leave out may be better than
one that they return, but by no more than the rounding error. Candidates are taken from them until
the worst is clearly below the k-th best: while nothing is sealed, the ranking is exact to the last
rank. Sealed segments compare codes; from them the best few hundred by estimate are taken, all
segments together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from service.gallery.index.codes import candidates_for
from service.gallery.index.parts import Part
from service.gallery.index.planning import (
    Eligible,
    Group,
    all_rows,
    padded_vector,
    rows_of_group,
)
from service.gallery.index.pruning import may_be_best, plain_cosines
from service.gallery.index.sealed_segment import SealedSegment
from service.gallery.index.segments import Segment
from service.gallery.index.tail import TailView
from vreid.modality import MODALITIES

# Candidates asked of exact segments beyond k, so that one pass mostly suffices.
MARGIN = 16

# Codes of the whole concatenation only stand in for a part of it: so many times the candidates.
# With one modality of three, 1 finds the true 20 best of 20 k x 3 x 1024 clustered values whose
# lengths vary by 30 %.
PARTIAL_FACTOR = 2

# Features of many candidates are read so many values at a time.
_READ_VALUES = 1 << 22

# Does several pieces of work, perhaps at the same time, and gives their results in order.
Parallel = Callable[[Sequence[Callable[[], "Found"]]], Iterable["Found"]]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows (C,) of parts (C,), each one once, in any order."""

    parts: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Found:
    """Rows (c,) of one part with their estimated cosines (c,)."""

    part: int
    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


def every_row(parts: Sequence[Part], eligible: Sequence[Eligible]) -> Candidates:
    """All eligible rows."""
    return joined(
        Found(number, np.empty(0, np.float32), all_rows(rows, part.size))
        for number, (part, rows) in enumerate(zip(parts, eligible, strict=True))
        if rows.count
    )


def best_of_tail(
    number: int, part: Part, groups: Sequence[Group], eligible: Eligible, count: int
) -> Found:
    """Rows that contain the `count` best of a tail, of every group."""
    tail = part.rows
    assert isinstance(tail, TailView)
    chosen = np.zeros(part.size, np.bool_)
    for group in groups:
        rows = rows_of_group(part, group, eligible)
        if rows.count <= count:
            chosen[all_rows(rows, part.size)] = True
            continue
        allowed = np.ones(part.size, np.bool_) if rows.allowed is None else rows.allowed
        # Rows that are in no segment yet are few.
        chosen[tail.covered :] |= allowed[tail.covered :]
        chosen[_nearest(group, tail.segments, allowed, count)] = True
    return Found(number, np.empty(0, np.float32), np.flatnonzero(chosen))


def best_by_codes(
    parts: Sequence[tuple[int, Part, Eligible]],
    group: Group,
    count: int,
    feature_size: int,
    parallel: Parallel,
) -> list[Found]:
    """Rows of sealed segments that should contain the `count` best of a group."""
    members = [
        (number, part, rows)
        for number, part, eligible in parts
        if (rows := rows_of_group(part, group, eligible)).count
    ]
    total = sum(rows.count for _, _, rows in members)
    wanted = candidates_for(count, total)
    if group.space.common != group.space.present:
        wanted = min(total, PARTIAL_FACTOR * wanted)
    coded, found = [], []
    for number, part, rows in members:
        if total <= wanted or not _has_codes(part, group):
            found.append(Found(number, np.empty(0, np.float32), all_rows(rows, part.size)))
        else:
            coded.append((number, part, rows))
    vector = padded_vector(group, feature_size)
    estimated = _best(
        list(
            parallel(
                [
                    partial(_by_codes, number, part, group, vector, rows, wanted)
                    for number, part, rows in coded
                ]
            )
        ),
        wanted,
    )
    return found + _pruned(estimated, {number: part for number, part, _ in coded}, group, count)


def _pruned(
    found: Sequence[Found], parts: Mapping[int, Part], group: Group, count: int
) -> list[Found]:
    """What was found, without rows that cannot be among the `count` best."""
    if sum(len(each.rows) for each in found) <= count:
        return list(found)
    cosines = [_cosines(parts[each.part], each.rows, group) for each in found]
    kept = may_be_best(np.concatenate(cosines), count, len(group.vector))
    ends = np.cumsum([len(each.rows) for each in found])
    return [
        Found(each.part, each.scores[own], each.rows[own])
        for each, own in zip(found, np.split(kept, ends[:-1]), strict=True)
    ]


def _cosines(part: Part, rows: NDArray[np.int64], group: Group) -> NDArray[np.float64]:
    """Plain cosines (n,) of rows of a sealed segment, whose features are read in pieces."""
    segment = part.rows
    assert isinstance(segment, SealedSegment)
    common = group.space.common
    compared = common or int(np.bitwise_or.reduce(segment.columns.mask[rows]))
    step = max(1, _READ_VALUES // (len(MODALITIES) * len(group.vector)))
    return np.concatenate(
        [
            np.empty(0),
            *(
                plain_cosines(
                    segment.features(rows[first : first + step], compared),
                    group.vector,
                    centers=common == 0,
                )
                for first in range(0, len(rows), step)
            ),
        ]
    )


def joined(found: Iterable[Found]) -> Candidates:
    """All rows that were found."""
    listed = list(found)
    return Candidates(
        np.repeat(
            np.array([each.part for each in listed], np.int64),
            np.array([len(each.rows) for each in listed], np.int64),
        ),
        np.concatenate([np.empty(0, np.int64), *(each.rows for each in listed)]),
    )


def _has_codes(part: Part, group: Group) -> bool:
    return isinstance(part.rows, SealedSegment) and group.space.present in part.rows.spaces


def _by_codes(
    number: int,
    part: Part,
    group: Group,
    vector: NDArray[np.float32],
    eligible: Eligible,
    wanted: int,
) -> Found:
    assert isinstance(part.rows, SealedSegment)
    space = part.rows.spaces[group.space.present]
    allowed = eligible.allowed
    if space.rows is not None and allowed is not None:
        allowed = allowed[space.rows]
        if eligible.count == len(allowed):
            allowed = None
    scores, rows = space.codes.nearest(vector, min(wanted, eligible.count), allowed)
    return Found(number, scores, rows if space.rows is None else space.rows[rows].astype(np.int64))


def _best(found: Sequence[Found], wanted: int) -> list[Found]:
    """The best by estimate of what several segments found."""
    if sum(len(each.rows) for each in found) <= wanted:
        return list(found)
    scores = np.concatenate([each.scores for each in found])
    kept = np.zeros(len(scores), np.bool_)
    kept[np.argpartition(-scores, wanted - 1)[:wanted]] = True
    ends = np.cumsum([len(each.rows) for each in found])
    return [
        Found(each.part, each.scores[own], each.rows[own])
        for each, own in zip(found, np.split(kept, ends[:-1]), strict=True)
    ]


def _nearest(
    group: Group, segments: Sequence[Segment], allowed: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    """Rows of the segments that contain the group's `count` best by exact cosine."""
    tolerance = _tolerance(len(group.vector))
    wanted = count + MARGIN
    while True:
        found = [
            segment.nearest(group.space, group.vector, wanted, allowed) for segment in segments
        ]
        scores = np.concatenate([np.empty(0, np.float32), *(part[0] for part in found)])
        rows = np.concatenate([np.empty(0, np.int64), *(part[1] for part in found)])
        best = np.argsort(-scores, kind="stable")[:wanted]
        if len(best) < wanted:
            return rows
        if float(scores[best[count - 1]]) - float(scores[best[-1]]) > 2 * tolerance:
            return rows[best]
        wanted *= 4


def _tolerance(size: int) -> float:
    """Bound on the error of a float32 inner product of two unit vectors of this size."""
    return (size + 16) * 2.0**-23
