"""From a ranking to one page of results: thresholds, groups, re-ranking."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from service.gallery.query import MAX_RESULTS, Position
from service.search.grouping import FoundGroup, Grouping, Judged
from service.search.input import ReRanking
from service.search.pages import PageStart, digests_of, refuse_depth
from service.search.ranked import RankedSearch, ranked
from service.search.reranking import re_ranked
from service.search.thresholds import Judge

# A page looks at no more records than this, or at twice as many as it has results: where a
# threshold leaves most of them out, or all are of a few identities, it comes short and the next
# one goes on.
LOOKED_AT = 2000

# How many records are looked at for groups, so that a group's samples behind the last result count.
_GROUPED_LEAST = 100
_GROUPED_EACH = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many results, and of what.

    Attributes:
        count: results, which are groups with `by_identity`.
        by_identity: whether records of one identity are one result.
        group_size: samples shown of each group.
    """

    count: int
    by_identity: bool = False
    group_size: int = 1


@dataclass(frozen=True, slots=True)
class FoundPage:
    """One page of results.

    Attributes:
        groups: the results, best first; of one sample each unless grouped by identity.
        searched: how many of the best records were looked at.
        next_start: where the next page begins, None where there is none.
        is_cut_short: whether there are fewer results than wanted although records are left.
        others_may_match: whether a record that is no result of this page could be a match.
        lacks_candidates: whether results or matches may be missing because too few records were
            re-ranked.
    """

    groups: list[FoundGroup]
    searched: int
    next_start: PageStart | None
    is_cut_short: bool = False
    others_may_match: bool = False
    lacks_candidates: bool = False


def find_page(search: RankedSearch, judge: Judge, wanted: Wanted, start: PageStart) -> FoundPage:
    """Return the page that begins at `start`.

    Raises:
        InvalidRequest: it begins where every search ends.
    """
    if start.position is not None and start.position.depth >= MAX_RESULTS:
        raise refuse_depth(MAX_RESULTS)
    grouping = Grouping(wanted.count, wanted.group_size, wanted.by_identity, start.shown)
    least = _records_to_look_at(wanted)
    most = max(LOOKED_AT, 2 * wanted.count)
    lowest_key = judge.lowest_key()
    searched, last, goes_on, may_match = 0, start.position, False, False
    for position, match in ranked(search, start.position, least):
        if match.key < lowest_key:
            break
        searched, last = searched + 1, position
        verdict = judge.verdict(match)
        may_match |= verdict is not False
        if verdict is not False or not judge.thresholds.cuts:
            goes_on |= not grouping.add(Judged(match, verdict), position)
        if (goes_on and searched >= least) or searched >= most:
            goes_on = True
            break
    else:
        goes_on |= last is not None and last.depth >= MAX_RESULTS
    next_start = _next_start(start, grouping, last) if goes_on else None
    if next_start is not None and next_start.position is not None:
        may_match |= next_start.position.key >= judge.lowest_matching_key()
    return FoundPage(
        groups=grouping.groups,
        searched=searched,
        next_start=next_start,
        is_cut_short=goes_on and not grouping.is_full,
        others_may_match=may_match,
    )


def find_re_ranked(
    search: RankedSearch, judge: Judge, wanted: Wanted, asked: ReRanking
) -> FoundPage:
    """Return the best results after re-ranking; there is no page after them.

    Thresholds judge the first scores and leave out results after the re-ranking, in which every
    candidate takes part. Groups are made of the candidates.
    """
    # One more than is re-ranked tells whether records behind the candidates could be matches.
    stretch = ranked(search, None, asked.candidates + 1)
    found = [match for _, match in islice(stretch, asked.candidates + 1)]
    matches, behind = found[: asked.candidates], found[asked.candidates :]
    grouping = Grouping(wanted.count, wanted.group_size, wanted.by_identity)
    verdicts: list[bool | None] = []
    for candidate in re_ranked(search.query, matches, asked, search.policy, judge.calibration):
        verdicts.append(verdict := judge.verdict(candidate.match))
        if verdict is not False or not judge.thresholds.cuts:
            grouping.add(Judged(candidate.match, verdict, candidate))
    rest_may_match = any(match.key >= judge.lowest_matching_key() for match in behind)
    is_missing = not grouping.is_full if judge.thresholds.cuts else True not in verdicts
    return FoundPage(
        grouping.groups,
        len(matches),
        None,
        others_may_match=rest_may_match or any(verdict is not False for verdict in verdicts),
        lacks_candidates=rest_may_match and is_missing,
    )


def _records_to_look_at(wanted: Wanted) -> int:
    if not wanted.by_identity:
        # One more than wanted tells whether there is another page.
        return wanted.count + 1
    return min(max(_GROUPED_LEAST, _GROUPED_EACH * wanted.count), max(LOOKED_AT, wanted.count + 1))


def _next_start(start: PageStart, grouping: Grouping, last: Position | None) -> PageStart:
    """After the last group's best sample, or where looking ended with fewer groups than wanted."""
    groups = grouping.groups
    return PageStart(
        as_of=start.as_of,
        position=groups[-1].opened_at if grouping.is_full else last,
        rank=start.rank + len(groups),
        shown=start.shown | digests_of([group.identity for group in groups]),
    )
