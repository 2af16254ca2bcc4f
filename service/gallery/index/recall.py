"""How much of what is truly nearest a gallery's search finds: an estimate on the gallery itself.

Some of its records are searched for, and what comes is compared with what scoring every record
gives. Only sealed segments can miss a record, so only what these hold is asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.gallery.index.index import SearchIndex
from service.gallery.index.parts import Part
from service.gallery.index.ranking import features_of
from service.gallery.query import Query
from service.gallery.store.rows import masks_of
from vreid.calibration import Calibration
from vreid.policy import ResolvedPolicy
from vreid.scoring import score

QUERIES = 50
RESULTS = 20

# Scoring works in float64, and on all queries at once: a block bounds what it holds.
_BLOCK_VALUES = 1 << 21


@dataclass(frozen=True, slots=True)
class RecallEstimate:
    """Share of the true best `results` of `records` that is found, by `queries` searches.

    `margin` is two standard errors of the share.
    """

    recall: float
    margin: float
    queries: int
    results: int
    records: int


def estimate_recall(
    index: SearchIndex,
    policy: ResolvedPolicy,
    calibration: Calibration | None,
    *,
    queries: int = QUERIES,
    results: int = RESULTS,
) -> RecallEstimate | None:
    """Search for records of the gallery; None while nothing is sealed, as then all is exact.

    Reads the features of all sealed records once and scores them in float64. The gallery may be
    used meanwhile; a record that is deleted just then counts as missed.
    """
    parts = [part for part in index.sealed_parts() if part.dead < part.size]
    if not parts:
        return None
    last = int(parts[-1].columns.sequence[-1])
    chosen = _evenly_chosen(parts, queries)
    features, masks = features_of(parts, *chosen)
    own = np.array([parts[part].columns.sequence[row] for part, row in zip(*chosen, strict=True)])
    # One more: what is searched for finds itself, which says nothing.
    true = _nearest(parts, features, masks, results + 1, policy, calibration)
    shares = []
    for query, mask, sequence, wanted in zip(features, masks, own, true, strict=True):
        hits = index.search(Query(query, mask), results + 1, policy, calibration, as_of=last)
        others = wanted[wanted != sequence][:results]
        if len(others):
            shares.append(np.isin(others, [hit.sequence for hit in hits]).mean())
    deviation = float(np.std(shares)) if shares else 0.0
    return RecallEstimate(
        recall=float(np.mean(shares)) if shares else 1.0,
        margin=2 * deviation / max(1, len(shares)) ** 0.5,
        queries=len(shares),
        results=results,
        records=sum(part.size - part.dead for part in parts),
    )


def _evenly_chosen(
    parts: Sequence[Part], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of parts (c,) and of live rows (c,) in them, spread over all records."""
    live = [np.flatnonzero(part.live) for part in parts]
    numbers = np.repeat(np.arange(len(parts)), [len(rows) for rows in live])
    total = len(numbers)
    places = np.linspace(0, total, min(count, total), endpoint=False).astype(np.int64)
    return numbers[places], np.concatenate(live)[places]


def _nearest(
    parts: Sequence[Part],
    features: NDArray[np.float16],
    masks: NDArray[np.bool_],
    count: int,
    policy: ResolvedPolicy,
    calibration: Calibration | None,
) -> list[NDArray[np.int64]]:
    """Sequence numbers of the `count` best for each query (q, 3, D), from scoring everything."""
    keys = np.empty((len(features), 0))
    sequences = np.empty((len(features), 0), np.int64)
    valid = np.empty((len(features), 0), np.bool_)
    step = max(1, _BLOCK_VALUES // features[0].size)
    for part in parts:
        rows = np.flatnonzero(part.live)
        for first in range(0, len(rows), step):
            block = rows[first : first + step]
            scores = score(
                features,
                masks,
                part.rows.features(block),
                masks_of(part.columns.mask[block]),
                policy,
                calibration,
            )
            numbers = np.broadcast_to(part.columns.sequence[block], scores.ranking_key.shape)
            keys = np.hstack([keys, scores.ranking_key])
            sequences = np.hstack([sequences, numbers])
            valid = np.hstack([valid, scores.valid])
            best = np.lexsort((sequences, -keys, ~valid), axis=1)[:, :count]
            keys = np.take_along_axis(keys, best, 1)
            sequences = np.take_along_axis(sequences, best, 1)
            valid = np.take_along_axis(valid, best, 1)
    return [found[there] for found, there in zip(sequences, valid, strict=True)]
