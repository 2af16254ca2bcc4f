"""Exact ranking: which rows can be among the best, and their order.

The order is that of `vreid.scoring` over the whole gallery, to the last rank; ties go to the
record that was stored first. Segments only save work. They compare unit vectors in float32, so a
row that they leave out may be better than one that they return, but by no more than the rounding
error. Candidates are therefore taken until the worst of them is clearly below the k-th best.

Within rows that have the same modalities, every policy ranks by one cosine. So candidates are
taken from each such group, and all of them are scored exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns import ColumnView
from service.gallery.rows import bits_mask, mask_bits, masks_of
from service.gallery.segments import CENTERS, COMPLETE, Segment, Space
from vreid.calibration import Calibration
from vreid.fusion import l2_normalise, masked_center
from vreid.policy import ResolvedPolicy
from vreid.scoring import score

# Candidates asked for beyond k, so that one pass mostly suffices.
MARGIN = 16

# Scoring works in float64: a block bounds what it holds at once.
_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, slots=True)
class Query:
    """Branch features (3, D) and mask (3,) of what is searched for."""

    features: NDArray[np.floating]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows (K,) best first, with the score of each and its probability where calibrated."""

    rows: NDArray[np.int64]
    score: NDArray[np.float64]
    probability: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Group:
    """Rows (N,) that are ranked by the cosine with one vector in one space."""

    rows: NDArray[np.bool_]
    space: Space
    vector: NDArray[np.float32]


def candidates(
    query: Query,
    columns: ColumnView,
    segments: Sequence[Segment],
    eligible: NDArray[np.bool_],
    count: int,
    policy: ResolvedPolicy,
) -> NDArray[np.int64]:
    """Rows, ascending, that contain the `count` best of the eligible (N,) rows."""
    end = segments[-1].stop if segments else 0
    chosen = np.zeros(columns.size, dtype=np.bool_)
    for group in _groups(query, columns, eligible, policy):
        # Rows that are in no segment yet are few.
        chosen[end:] |= group.rows[end:]
        chosen[_nearest(group, segments, count)] = True
    return np.flatnonzero(chosen)


def rank(
    query: Query,
    columns: ColumnView,
    rows: NDArray[np.int64],
    count: int,
    policy: ResolvedPolicy,
    calibration: Calibration | None,
) -> Ranked:
    """The `count` best of the rows (ascending), scored exactly; fewer when fewer are comparable."""
    block = max(64, _BLOCK_VALUES // columns.features[0].size) if columns.size else 1
    parts = [
        score(
            query.features[None],
            query.mask[None],
            columns.features[part],
            masks_of(columns.mask[part]),
            policy,
            calibration,
        )
        for part in (rows[first : first + block] for first in range(0, len(rows), block))
    ]
    if not parts:
        return Ranked(rows, np.empty(0), None)
    valid = np.concatenate([part.valid[0] for part in parts])
    keys = np.concatenate([part.ranking_key[0] for part in parts])
    order = np.argsort(-keys, kind="stable")
    best = order[valid[order]][:count]
    cosine = np.concatenate([part.score[0] for part in parts])
    known = [part.probability[0] for part in parts if part.probability is not None]
    probability = np.concatenate(known) if len(known) == len(parts) else None
    return Ranked(
        rows=rows[best],
        score=cosine[best],
        probability=None if probability is None else probability[best],
    )


def _groups(
    query: Query, columns: ColumnView, eligible: NDArray[np.bool_], policy: ResolvedPolicy
) -> Iterator[Group]:
    """The eligible rows that the policy compares, cut into groups."""
    queried = mask_bits(query.mask)
    if policy == "center":
        yield Group(eligible, CENTERS, _center(query))
        return
    for present in range(1, COMPLETE + 1):
        common = queried & present
        rows = eligible & (columns.mask == present)
        if not rows.any() or (policy == "concat" and common != COMPLETE):
            continue
        if common == 0:
            yield Group(rows, CENTERS, _center(query))
        elif present.bit_count() == 1:
            # The center of one modality is that modality.
            yield Group(rows, CENTERS, _concatenation(query, common))
        else:
            yield Group(rows, Space(present, common), _concatenation(query, common))


def _center(query: Query) -> NDArray[np.float32]:
    return masked_center(query.features[None], query.mask[None]).reshape(-1)


def _concatenation(query: Query, modalities: int) -> NDArray[np.float32]:
    stacked = query.features[bits_mask(modalities)].astype(np.float64)
    return l2_normalise(stacked.reshape(1, -1)).reshape(-1).astype(np.float32)


def _nearest(group: Group, segments: Sequence[Segment], count: int) -> NDArray[np.int64]:
    """Rows of the segments that contain the group's `count` best by exact cosine."""
    tolerance = _tolerance(len(group.vector))
    wanted = count + MARGIN
    while True:
        found = [
            segment.nearest(group.space, group.vector, wanted, group.rows) for segment in segments
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
