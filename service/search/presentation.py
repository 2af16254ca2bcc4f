"""From what a search found to its answer, as plain values with the members of its models."""

from __future__ import annotations

from typing import Any

from service.embedding.query import Query
from service.messages.encoding import Document
from service.messages.presentation import by_name, mask_members, record_facts, vector
from service.search.answer import Threshold
from service.search.explanation import explain
from service.search.finding import FoundPage
from service.search.grouping import FoundGroup, Judged
from service.search.thresholds import Judge, any_of


def query_facts(query: Query, model: str, with_features: bool) -> Document:
    """Return what was searched for, with its embedding if that was asked for; see `QueryFacts`."""
    embedding = None
    if with_features:
        rows = zip(query.features, query.mask, strict=True)
        embedding = {
            "features": [vector(row, "base64") if there else None for row, there in rows],
            "model": model,
        }
    return {"mask": mask_members(query.mask), "embedding": embedding}


def search_results(
    page: FoundPage, first_rank: int, judge: Judge, by_identity: bool, with_explanation: bool
) -> list[Document]:
    """Return a page's results, each a `SearchResult`; the first one has the rank `first_rank`."""
    return [
        _search_result(group, rank, judge, by_identity, with_explanation)
        for rank, group in enumerate(page.groups, first_rank)
    ]


def page_match(page: FoundPage, judge: Judge) -> bool | None:
    """Whether any result of the page is a match; None where that cannot be said."""
    found = any_of([sample.verdict for group in page.groups for sample in group.samples])
    is_open = page.others_may_match or not judge.pair_keys()
    return None if found is False and is_open else found


def threshold(judge: Judge) -> Document:
    """Return what a match has to reach."""
    asked = judge.thresholds
    needed = {key: judge.score_needed(key) for key in judge.pair_keys()}
    facts = Threshold(
        min_score=asked.min_score,
        min_probability=asked.min_probability,
        false_accept_rate=asked.false_accept_rate,
        scores=None
        if asked.false_accept_rate is None
        else {key: score for key, score in needed.items() if score is not None},
        cuts=judge.leaves_out(),
        reason=judge.reason(),
    )
    return facts.model_dump()


def page_warnings(page: FoundPage) -> list[str]:
    """Return a sentence where a page has fewer results than there may be."""
    if page.lacks_candidates:
        return [
            f"only the {page.searched} best records were re-ranked and judged, and records behind "
            "them could reach the threshold; raise rerank.candidates, or search without rerank"
        ]
    if not page.is_cut_short:
        return []
    return [
        f"the {page.searched} best records from here hold no more than {len(page.groups)} results; "
        "next_cursor goes on behind them"
    ]


def _search_result(
    found: FoundGroup, rank: int, judge: Judge, by_identity: bool, with_explanation: bool
) -> Document:
    facts = _sample_facts(found.samples[0], rank, judge, with_explanation)
    facts["group"] = (
        {
            "identity": found.identity,
            "found": found.found,
            "samples": [
                _sample_facts(sample, place, judge, with_explanation)
                for place, sample in enumerate(found.samples, 1)
            ],
        }
        if by_identity
        else None
    )
    return facts


def _sample_facts(
    judged: Judged, rank: int, judge: Judge, with_explanation: bool
) -> dict[str, Any]:
    """The members of `FoundSample`."""
    match, candidate = judged.match, judged.candidate
    return {
        "rank": rank,
        "score": match.score,
        "probability": match.probability,
        "match": judged.verdict,
        "contributions": by_name(match.contributions),
        "rerank": None
        if candidate is None
        else {"distance": candidate.distance, "original_rank": candidate.original_rank},
        "explanation": explain(match, judge).model_dump() if with_explanation else None,
        **record_facts(match.record),
    }
