"""The retrieval protocol once more, written from its definition in plain Python, to compare with.

It shares no step with `vreid.metrics`: nothing is sorted. A sample's rank is one more than the
number of samples that come before it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Label = int | str | None


@dataclass(frozen=True)
class Sighting:
    """One query or gallery sample; None where a label is unknown."""

    identity: Label
    camera: Label = None
    scene: Label = None
    view: Label = None


@dataclass(frozen=True)
class QueryFigures:
    """What one query contributes. `first_match` is None where no positive was retrieved."""

    average_precision: float
    first_match: int | None
    inverse_negative_penalty: float


def figures_of_query(
    distances: Sequence[float],
    query: Sighting,
    gallery: Sequence[Sighting],
    junk: str | None,
    ignored: Sequence[bool],
) -> QueryFigures | None:
    """The figures of one query; None when it has no positive."""
    counted = []
    for place, sample in enumerate(gallery):
        if ignored[place]:
            continue
        if is_same(query.identity, sample.identity) and is_junk(query, sample, junk):
            continue
        counted.append(place)
    positives = [place for place in counted if is_same(query.identity, gallery[place].identity)]
    if not positives:
        return None

    ranks = []
    for place in positives:
        if distances[place] == math.inf:
            continue
        before = 0
        for other in counted:
            if distances[other] < distances[place]:
                before += 1
            if distances[other] == distances[place] and other < place:
                before += 1
        ranks.append(before + 1)

    total = 0.0
    for rank in ranks:
        hits = 0
        for other_rank in ranks:
            if other_rank <= rank:
                hits += 1
        total += hits / rank
    all_retrieved = len(ranks) == len(positives)
    last = max(ranks) if all_retrieved else len(counted)
    return QueryFigures(
        average_precision=total / len(positives),
        first_match=min(ranks) if ranks else None,
        inverse_negative_penalty=len(positives) / last,
    )


def is_same(one: Label, other: Label) -> bool:
    """Whether two labels are known and equal."""
    return one is not None and other is not None and one == other


def is_junk(query: Sighting, sample: Sighting, junk: str | None) -> bool:
    """Whether a gallery sample of the query's identity says nothing, being seen alike."""
    return junk is not None and is_same(getattr(query, junk), getattr(sample, junk))


def share_matched(figures: Sequence[QueryFigures], rank: int) -> float:
    """The CMC at a rank, counted from 1."""
    matched = 0
    for each in figures:
        if each.first_match is not None and each.first_match <= rank:
            matched += 1
    return matched / len(figures)
