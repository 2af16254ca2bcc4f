"""`POST /search`: images, embeddings and records of one vehicle in; ranked records out."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.embedding.query import (
    KnownParts,
    Query,
    known_parts,
    query_of,
    refuse_too_large_query,
    sent_samples,
)
from service.gallery.filters.filter import Filter
from service.http.openapi import body_of, problems_of
from service.limits import Limits
from service.messages.encoding import Document
from service.messages.presentation import model_members
from service.messages.samples import EmbeddedSamples
from service.request_errors import FieldProblem, InvalidRequest
from service.requests.bodies import answer_body
from service.requests.parsing import read_search
from service.requests.passage import Question
from service.routes.dependencies import RunningService, audited_details
from service.routes.direct_route import DirectRoute
from service.running import Running
from service.search.answer import SearchAnswer
from service.search.auditing import details_asked, details_found
from service.search.finding import Wanted, find_page, find_re_ranked
from service.search.input import MOST_CANDIDATES, ReRanking, SearchInput
from service.search.moment import follow_others, refuse_unknown_moment
from service.search.pages import PageStart, decode_cursor, encode_cursor, query_digest
from service.search.presentation import (
    page_match,
    page_warnings,
    query_facts,
    search_results,
    threshold,
)
from service.search.ranked import RankedSearch
from service.search.relative_filter import relative_filter
from service.search.thresholds import Judge, Thresholds
from vreid.modality import MODALITIES
from vreid.scoring import ResolvedPolicy, resolve_policy

router = APIRouter(tags=["search"], route_class=DirectRoute)


@router.post(
    "/search",
    summary="Find the records most like a vehicle",
    response_model=SearchAnswer,
    openapi_extra=body_of("SearchInput"),
    responses=problems_of(400, 404, 409, 413, 415, 422, 429, 503, 504),
)
async def search(request: Request, running: RunningService) -> Response:
    """The query is images, records of the gallery and embeddings, all of one vehicle and fused.

    A form's images are one sample; a JSON document may have several. The records that the query is
    made of are left out of its results.
    """
    return await answer_body(request, running, partial(read, audited_details(request, running)))


def read(
    told: dict[str, Any] | None, running: Running, body: bytes, content_type: str
) -> Question[Document]:
    """Read the call's body and put into `told` what the audit log says of it; may block.

    `told` is None where there is no audit log.

    Raises:
        RequestError: the body or a field is at fault.
        UnknownRecord: there is no record of an id.
    """
    reading = read_search(body, content_type)
    asked = reading.value
    check_limits(asked, running.settings.limits)
    policy = resolve_policy(asked.policy, running.bundle.manifest.auto_policy)
    parts = known_parts(asked, running.bundle, running.gallery)
    samples = sent_samples(asked.samples or (), reading.is_form)
    if told is not None:
        told.update(details_asked(asked, policy))
    return Question(samples, partial(answer, told, running, asked, reading.is_form, policy, parts))


def answer(
    told: dict[str, Any] | None,
    running: Running,
    asked: SearchInput,
    is_form: bool,
    policy: ResolvedPolicy,
    parts: KnownParts,
    embedded: EmbeddedSamples,
) -> Document:
    """Answer the call; may block.

    Raises:
        InvalidRequest: the parts of the query cancel each other out, or the cursor is of another.
        GalleryError: the filter is wrong.
    """
    limits = running.settings.limits
    query = query_of(asked, is_form, parts, embedded)
    conditions, filter_warnings = None, list[str]()
    if asked.filter is not None:
        conditions, filter_warnings = relative_filter(Filter.from_json(asked.filter), query)
    ranked_search, start, digest = begin(running, asked, query, policy, conditions)
    judge = Judge(
        thresholds_of(asked, running.settings.false_accept_rate),
        query.mask,
        policy,
        running.bundle.manifest.calibration,
    )
    wanted = Wanted(results_wanted(asked, limits), asked.group_by is not None, asked.group_size)
    if asked.rerank is None:
        page = find_page(ranked_search, judge, wanted, start)
    else:
        re_ranking = with_candidates(asked.rerank, wanted.count)
        page = find_re_ranked(ranked_search, judge, wanted, re_ranking)
    results = search_results(page, start.rank + 1, judge, wanted.by_identity, asked.explain)
    running.metrics.searched(policy)
    if told is not None:
        told.update(details_found([str(result["id"]) for result in results]))
    return {
        "model": model_members(running.bundle),
        "policy": policy,
        "query": query_facts(query, running.bundle.fingerprint, asked.features),
        "warnings": [
            *query.warnings,
            *filter_warnings,
            *policy_warnings(policy, query.mask),
            *page_warnings(page),
        ],
        "match": page_match(page, judge),
        "threshold": threshold(judge),
        "searched": page.searched,
        "results": results,
        "next_cursor": None if page.next_start is None else encode_cursor(page.next_start, digest),
    }


def begin(
    running: Running,
    asked: SearchInput,
    query: Query,
    policy: ResolvedPolicy,
    conditions: Filter | None,
) -> tuple[RankedSearch, PageStart, bytes]:
    """Return the ranking to read, where the page begins, and the digest that its cursors carry.

    Raises:
        InvalidRequest: the cursor is none of this search.
    """
    digest = query_digest(
        running.bundle.fingerprint,
        query.features.astype("<f2").tobytes(),
        query.mask.tobytes(),
        sorted(query.excluded_ids),
        policy,
        asked.filter,
        [query.cameras, query.scenes] if asked.filter else None,
        [asked.min_score, asked.min_probability, asked.false_accept_rate],
        asked.group_by,
    )
    follow_others(running.gallery)
    if asked.cursor is None:
        start = PageStart(as_of=running.gallery.sequence)
    else:
        start = decode_cursor(asked.cursor, digest)
        refuse_unknown_moment(start, running.gallery)
    search = RankedSearch(running.gallery, query, policy, conditions, start.as_of)
    return search, start, digest


def check_limits(asked: SearchInput, limits: Limits) -> None:
    """Refuse a search beyond what the service is set to.

    Raises:
        InvalidRequest: too many results or samples.
    """
    wanted = results_wanted(asked, limits)
    problems = []
    if wanted > limits.k:
        problems.append(FieldProblem("k", f"is {asked.k}; ask for 1 to {limits.k} results"))
    elif asked.rerank is not None and wanted > MOST_CANDIDATES:
        problems.append(
            FieldProblem("k", f"is {wanted}; with rerank, ask for 1 to {MOST_CANDIDATES} results")
        )
    elif asked.rerank is not None and with_candidates(asked.rerank, wanted).candidates < wanted:
        problems.append(
            FieldProblem(
                "rerank.candidates",
                f"is {asked.rerank.candidates} and k is {wanted}; re-rank at least k candidates",
            )
        )
    if problems:
        raise InvalidRequest(problems)
    refuse_too_large_query(asked, limits)


def results_wanted(asked: SearchInput, limits: Limits) -> int:
    """Return how many results were asked for; who did not say gets no more than the limit."""
    return asked.k if "k" in asked.model_fields_set else min(asked.k, limits.k)


def with_candidates(asked: ReRanking, results: int) -> ReRanking:
    """Return the re-ranking with enough candidates for `results` unless it named their number."""
    if "candidates" in asked.model_fields_set:
        return asked
    return asked.model_copy(update={"candidates": max(asked.candidates, results)})


def thresholds_of(asked: SearchInput, usual_rate: float) -> Thresholds:
    """Return what a match has to reach: what was asked for, else the service's operating point."""
    given = (asked.min_score, asked.min_probability, asked.false_accept_rate)
    cuts = any(threshold is not None for threshold in given)
    return Thresholds(*given, cuts=True) if cuts else Thresholds(None, None, usual_rate, cuts=False)


def policy_warnings(policy: ResolvedPolicy, mask: NDArray[np.bool_]) -> list[str]:
    """Return a sentence where the policy can find nothing for a query with this mask (3,)."""
    missing = [modality for modality in MODALITIES if not mask[modality.index]]
    if policy != "concat" or not missing:
        return []
    return [
        f"policy concat compares complete samples only and the query has no {', '.join(missing)}, "
        "so nothing can be found; use policy shared"
    ]
