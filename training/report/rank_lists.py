"""Which queries are worth looking at, and what stands at the head of their rankings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.report.scored_dataset import ScoredDataset

MATCHES = 10
MOST_JUNK = 3
"""Junk samples shown among a list's matches; more of them say nothing new."""


class Verdict(StrEnum):
    """What the labels say about a gallery sample in a query's ranking."""

    TRUE = "true"
    FALSE = "false"
    JUNK = "junk"


@dataclass(frozen=True)
class RankedSample:
    """A gallery sample in a query's ranking.

    Attributes:
        row: in the gallery.
        rank: counted from 1 without junk; None for junk.
        verdict: by the labels.
        score: cosine of the representation that the policy compares.
        probability: calibrated probability of the same vehicle, where there is one.
        contributions: what each modality adds to the score, (3,); NaN where it takes no part.
    """

    row: int
    rank: int | None
    verdict: Verdict
    score: float
    probability: float | None
    contributions: NDArray[np.float64]


@dataclass(frozen=True)
class RankList:
    """The head of one query's ranking.

    Attributes:
        query: its row.
        average_precision: of this query, in [0, 1].
        first_match: rank of its first true match; beyond the gallery where there is none.
        matches: by falling score: `MATCHES` at most that count, and junk between them.
        junk_left_out: junk samples above the last match that are not shown.
    """

    query: int
    average_precision: float
    first_match: int
    matches: tuple[RankedSample, ...]
    junk_left_out: int


def chosen_queries(scored: ScoredDataset, count: int = 3) -> Mapping[str, Sequence[int]]:
    """Positions in the ranking of the worst, median and best queries by average precision.

    Ties go to the earlier query. Within a group every query is of another identity as long
    as there are enough, and no query is in two groups.

    Returns:
        By "worst", "median", "best": up to `count` positions each, in `Ranking`'s query order.
    """
    precision = scored.ranking.average_precision
    ascending = np.argsort(precision, kind="stable").tolist()
    descending = np.argsort(-precision, kind="stable").tolist()
    middle = sorted(range(len(ascending)), key=lambda place: abs(place - (len(ascending) - 1) / 2))
    candidates = {
        "worst": ascending,
        "best": descending,
        "median": [ascending[place] for place in middle],
    }
    taken: set[int] = set()
    chosen = {}
    for group, positions in candidates.items():
        free = [position for position in positions if position not in taken]
        chosen[group] = _of_different_identities(scored, free, count)
        taken.update(chosen[group])
    return {group: chosen[group] for group in ("worst", "median", "best")}


def rank_list(scored: ScoredDataset, position: int) -> RankList:
    """The head of the ranking of the query at a position of `ScoredDataset.ranking`."""
    query = int(scored.ranking.query_rows[position])
    matches: list[RankedSample] = []
    rank = junk = 0
    for row in scored.order(query).tolist():
        if scored.junk[query, row]:
            junk += 1
            if junk <= MOST_JUNK:
                matches.append(ranked_sample(scored, query, row, None))
            continue
        rank += 1
        matches.append(ranked_sample(scored, query, row, rank))
        if rank == MATCHES:
            break
    return RankList(
        query,
        float(scored.ranking.average_precision[position]),
        int(scored.ranking.first_match[position]),
        tuple(matches),
        max(0, junk - MOST_JUNK),
    )


@dataclass(frozen=True)
class FalseFirst:
    """A query whose first match is another vehicle.

    Attributes:
        query: its row.
        found: the false match at rank 1.
        wanted: the first true match; None where the ranking has none.
    """

    query: int
    found: RankedSample
    wanted: RankedSample | None


def false_first_matches(scored: ScoredDataset, most: int | None = None) -> list[FalseFirst]:
    """The queries with a false first match, those of the highest score first.

    Args:
        scored: the data set.
        most: how many; None for all.
    """
    return [
        FalseFirst(query, ranked_sample(scored, query, row, 1), _first_true(scored, query))
        for query, row in scored.false_first_pairs[:most]
    ]


def ranked_sample(scored: ScoredDataset, query: int, row: int, rank: int | None) -> RankedSample:
    """A gallery row as an entry of a query's list."""
    probability = scored.scores.probability
    verdict = Verdict.TRUE if scored.same[query, row] else Verdict.FALSE
    return RankedSample(
        row,
        rank,
        Verdict.JUNK if scored.junk[query, row] else verdict,
        float(scored.scores.score[query, row]),
        None if probability is None else float(probability[query, row]),
        scored.contributions(query, row),
    )


def _first_true(scored: ScoredDataset, query: int) -> RankedSample | None:
    row = int(scored.first_true[query])
    if row < 0:
        return None
    order = scored.order(query)
    ranked = order[scored.counted[query, order]]
    return ranked_sample(scored, query, row, int(np.flatnonzero(ranked == row)[0]) + 1)


def _of_different_identities(
    scored: ScoredDataset, positions: Iterable[int], count: int
) -> Sequence[int]:
    identities = np.asarray(scored.dataset.query.labels.identity, dtype=np.object_)
    rows = scored.ranking.query_rows
    chosen: list[int] = []
    repeated: list[int] = []
    seen: set[object] = set()
    for position in positions:
        identity = identities[rows[position]]
        (repeated if identity in seen else chosen).append(position)
        seen.add(identity)
        if len(chosen) == count:
            return chosen
    return [*chosen, *repeated][:count]
