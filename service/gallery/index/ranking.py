"""The order of candidates: that of `vreid.scoring`, ties to the record that was stored first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from service.gallery.index.candidates import Candidates
from service.gallery.index.parts import Part
from service.gallery.query import Position, Query
from service.gallery.store.rows import masks_of
from vreid.calibration import Calibration
from vreid.contributions import contribution_table, score_with_contributions
from vreid.policy import ResolvedPolicy
from vreid.scoring import score

# Scoring works in float64: blocks of this many values stay in the processor's cache. Measured for
# 600 complete rows of 2048 values: 7 ms in blocks of 2**19 to 2**20, 9 ms in one piece.
_BLOCK_VALUES = 1 << 19

# Contributions are computed with the scores for up to so many times the results.
_EXPLAINED = 2

ParallelScores = Callable[[Sequence[Callable[[], "Scored"]]], Iterable["Scored"]]


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of candidates, all (C,); `valid` says whether the policy compares them at all.

    `contributions` (C, 3) are there if they were asked for.
    """

    key: NDArray[np.float64]
    cosine: NDArray[np.float64]
    probability: NDArray[np.float64] | None
    valid: NDArray[np.bool_]
    contributions: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows (K,) of parts (K,), best first, with what they are ranked by.

    `contributions` (K, 3) is a `vreid.contributions.contribution_table`.
    """

    parts: NDArray[np.int64]
    rows: NDArray[np.int64]
    sequence: NDArray[np.int64]
    key: NDArray[np.float64]
    score: NDArray[np.float64]
    probability: NDArray[np.float64] | None
    contributions: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


def rank(
    query: Query,
    parts: Sequence[Part],
    candidates: Candidates,
    count: int,
    policy: ResolvedPolicy,
    calibration: Calibration | None,
    after: Position | None,
    parallel: ParallelScores,
) -> Ranked:
    """The `count` best candidates behind a position; fewer when fewer are comparable."""
    block = max(16, _BLOCK_VALUES // query.features.size)
    # In the order of parts and rows, so that a block reads few files and reads them forwards.
    order = np.lexsort((candidates.rows, candidates.parts))
    ordered = Candidates(candidates.parts[order], candidates.rows[order])
    pieces = [slice(first, first + block) for first in range(0, len(ordered), block)]
    # Of few candidates more than the results, everything is computed at once.
    explained = len(pieces) == 1 and len(ordered) <= _EXPLAINED * count
    blocks = list(
        parallel(
            [
                partial(_scored, query, parts, ordered, each, policy, calibration, explained)
                for each in pieces
            ]
        )
    )
    sequence = _sequences(parts, ordered)
    whole = blocks[0] if len(blocks) == 1 else _joined(blocks)
    best = _ordered(whole, sequence, after)[:count]
    return Ranked(
        parts=ordered.parts[best],
        rows=ordered.rows[best],
        sequence=sequence[best],
        key=whole.key[best],
        score=whole.cosine[best],
        probability=None if whole.probability is None else whole.probability[best],
        contributions=(
            _explained(query, parts, ordered.parts[best], ordered.rows[best], policy)
            if whole.contributions is None
            else whole.contributions[best]
        ),
    )


def features_of(
    parts: Sequence[Part], numbers: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Features (m, 3, D) and masks (m, 3) of rows (m,) of parts (m,)."""
    features, mask = [], np.empty(len(rows), np.uint8)
    order = np.argsort(numbers, kind="stable")
    for number in np.unique(numbers):
        own = order[numbers[order] == number]
        features.append(parts[number].rows.features(rows[own]))
        mask[own] = parts[number].columns.mask[rows[own]]
    if len(features) == 1:
        return features[0], masks_of(mask)
    gathered = np.concatenate(features)
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return gathered[back], masks_of(mask)


def _scored(
    query: Query,
    parts: Sequence[Part],
    candidates: Candidates,
    block: slice,
    policy: ResolvedPolicy,
    calibration: Calibration | None,
    explained: bool,
) -> Scored:
    features, mask = features_of(parts, candidates.parts[block], candidates.rows[block])
    compared = query.features[None], query.mask[None], features, mask, policy, calibration
    contributions = None
    if explained:
        scores, contributions = score_with_contributions(*compared)
    else:
        scores = score(*compared)
    probability = scores.probability
    return Scored(
        key=scores.ranking_key[0],
        cosine=scores.score[0],
        probability=None if probability is None else probability[0],
        valid=scores.valid[0],
        contributions=contributions,
    )


def _explained(
    query: Query,
    parts: Sequence[Part],
    numbers: NDArray[np.int64],
    rows: NDArray[np.int64],
    policy: ResolvedPolicy,
) -> NDArray[np.float64]:
    if not len(rows):
        return np.empty((0, len(query.mask)))
    features, masks = features_of(parts, numbers, rows)
    return contribution_table(query.features, query.mask, features, masks, policy)


def _joined(blocks: Sequence[Scored]) -> Scored:
    nothing = np.empty(0, np.float64)
    known = [block.probability for block in blocks if block.probability is not None]
    return Scored(
        key=np.concatenate([nothing, *(block.key for block in blocks)]),
        cosine=np.concatenate([nothing, *(block.cosine for block in blocks)]),
        probability=np.concatenate([nothing, *known]) if len(known) == len(blocks) else None,
        valid=np.concatenate([np.empty(0, np.bool_), *(block.valid for block in blocks)]),
    )


def _sequences(parts: Sequence[Part], candidates: Candidates) -> NDArray[np.int64]:
    sequence = np.empty(len(candidates), np.int64)
    for number in np.unique(candidates.parts):
        own = candidates.parts == number
        sequence[own] = parts[number].columns.sequence[candidates.rows[own]]
    return sequence


def _ordered(
    scored: Scored, sequence: NDArray[np.int64], after: Position | None
) -> NDArray[np.int64]:
    """Comparable candidates behind a position, best first, ties by sequence number."""
    kept = scored.valid
    if after is not None:
        kept = kept & (
            (scored.key < after.key) | ((scored.key == after.key) & (sequence > after.sequence))
        )
    order = np.lexsort((sequence, -scored.key))
    return order[kept[order]]
