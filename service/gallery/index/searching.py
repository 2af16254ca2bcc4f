"""Searches the parts of an index: plan, candidates, exact ranking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import faiss

from service.errors import GalleryClosed
from service.gallery.filters.filter import Filter
from service.gallery.index.candidates import (
    Candidates,
    best_by_codes,
    best_of_tail,
    every_row,
    joined,
)
from service.gallery.index.parts import Part
from service.gallery.index.planning import Eligible, eligible_rows, groups
from service.gallery.index.ranking import Ranked, rank
from service.gallery.query import Position, Query
from vreid.calibration import Calibration
from vreid.contributions import contributions_by_modality
from vreid.engines.processors import usable_processors
from vreid.modality import Modality
from vreid.policy import ResolvedPolicy

# From so many rows on, several threads look for one search's candidates.
_SHARED_ROWS = 1 << 15

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: the record's sequence number, and how alike it is.

    `key` is what it is ranked by, descending.
    """

    sequence: int
    key: float
    score: float
    probability: float | None
    contributions: Mapping[Modality, float]


class Searcher:
    """Searches parts, several at a time; safe from any thread."""

    def __init__(self, feature_size: int, exact_rows: int, *, shares_work: bool = True) -> None:
        """Up to `exact_rows` eligible rows are scored without asking segments or codes.

        Unless it shares the work with threads of its own, all is done in the caller's.
        """
        self._shares_work = shares_work
        self._feature_size = feature_size
        self._exact_rows = exact_rows
        # The threads are the parallelism; FAISS would start as many again in each of them.
        self._pool = ThreadPoolExecutor(
            usable_processors(), "search", initializer=faiss.omp_set_num_threads, initargs=(1,)
        )

    def search(
        self,
        parts: Sequence[Part],
        query: Query,
        count: int,
        policy: ResolvedPolicy,
        calibration: Calibration | None,
        filter: Filter | None,
        *,
        after: Position | None,
        as_of: int | None,
    ) -> list[Hit]:
        """See `SearchIndex.search`. Raises `GalleryClosed` after `close`."""
        # One search is one thread's work: FAISS would start others for each caller's.
        faiss.omp_set_num_threads(1)
        depth = count if after is None else count + after.depth
        found = self._candidates(parts, query, depth, policy, filter, as_of)
        ranked = rank(query, parts, found, count, policy, calibration, after, self._each)
        return _hits(ranked)

    def close(self) -> None:
        """Wait for the searches that run; a second call does nothing."""
        self._pool.shutdown()

    def _candidates(
        self,
        parts: Sequence[Part],
        query: Query,
        count: int,
        policy: ResolvedPolicy,
        filter: Filter | None,
        as_of: int | None,
    ) -> Candidates:
        eligible: list[Eligible] = list(
            self._each([partial(eligible_rows, part, filter, as_of) for part in parts])
            if filter is not None
            else (eligible_rows(part, filter, as_of) for part in parts)
        )
        if sum(rows.count for rows in eligible) <= max(self._exact_rows, count):
            return every_row(parts, eligible)
        # Handing few rows to other threads takes longer than looking at them.
        each = self._each if sum(part.size for part in parts) >= _SHARED_ROWS else _one_by_one
        compared = groups(query, policy)
        numbered = list(zip(range(len(parts)), parts, eligible, strict=True))
        found = [
            best_of_tail(number, part, compared, rows, count)
            for number, part, rows in numbered
            if part.is_tail and rows.count
        ]
        sealed = [(number, part, rows) for number, part, rows in numbered if not part.is_tail]
        for group in compared:
            found += best_by_codes(sealed, group, count, self._feature_size, each)
        return joined(found)

    def _each(self, work: Sequence[Callable[[], _Result]]) -> Iterable[_Result]:
        """The results of all, in order; several at a time when there are several."""
        if len(work) < 2 or not self._shares_work:
            return _one_by_one(work)
        try:
            return self._pool.map(_call, work)
        except RuntimeError as error:
            raise GalleryClosed("The gallery has been closed; open it again.") from error


def _hits(ranked: Ranked) -> list[Hit]:
    count = len(ranked)
    probability = [None] * count if ranked.probability is None else ranked.probability.tolist()
    return list(
        map(
            Hit,
            ranked.sequence.tolist(),
            ranked.key.tolist(),
            ranked.score.tolist(),
            probability,
            contributions_by_modality(ranked.contributions),
        )
    )


def _one_by_one(work: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """The results of all, in order."""
    return [each() for each in work]


def _call(work: Callable[[], _Result]) -> _Result:
    return work()
