"""`POST /search`: images, an embedding or a record in; ranked records out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.answers import QueryFacts, SearchAnswer
from service.bodies import answer_body
from service.gallery.filter import Filter
from service.gallery.gallery import Gallery, Match
from service.inputs import SearchInput
from service.openapi import body_of, problems_of
from service.presentation import modality_mask, model_identity, search_result
from service.query import Query, query_of, refuse_too_many_samples
from service.request_errors import FieldProblem, InvalidRequest
from service.requests import read_search
from service.routes.dependencies import RunningService
from service.running import Running
from service.settings import Limits
from vreid.modality import MODALITIES
from vreid.scoring import ResolvedPolicy, resolve_policy

router = APIRouter(tags=["search"])


@router.post(
    "/search",
    summary="Find the records most like a vehicle",
    response_model=SearchAnswer,
    openapi_extra=body_of("SearchInput"),
    responses=problems_of(400, 404, 409, 413, 415, 422, 503),
)
async def search(request: Request, running: RunningService) -> Response:
    """The query is one to three images, or an id, or as JSON also several samples or an embedding.

    Several samples are of one vehicle and fused. The record whose id is given is left out of its
    own results.
    """
    return await answer_body(request, running, search_body)


def search_body(running: Running, body: bytes, content_type: str) -> SearchAnswer:
    """Answer the call; may block.

    Raises:
        RequestError: the body or a field is at fault.
        GalleryError: the filter is wrong, or there is no record of the id.
        EngineError: the engine failed.
    """
    reading = read_search(body, content_type)
    asked = reading.value
    check_limits(asked, running.settings.limits)
    conditions = None if asked.filter is None else Filter.from_json(asked.filter)
    policy = resolve_policy(asked.policy, running.bundle.manifest.auto_policy)
    query = query_of(asked, reading.is_form, running.embedder, running.gallery)
    wanted = results_wanted(asked, running.settings.limits)
    matches = find(running.gallery, query, wanted, policy, conditions)
    return SearchAnswer(
        model=model_identity(running.bundle),
        policy=policy,
        query=QueryFacts(mask=modality_mask(query.mask)),
        warnings=[*query.warnings, *policy_warnings(policy, query.mask)],
        results=[search_result(match, rank) for rank, match in enumerate(matches, 1)],
    )


def check_limits(asked: SearchInput, limits: Limits) -> None:
    """Refuse a search beyond what the service is set to.

    Raises:
        InvalidRequest: too many results or samples.
    """
    if results_wanted(asked, limits) > limits.k:
        raise InvalidRequest([FieldProblem("k", f"is {asked.k}; ask for 1 to {limits.k} results")])
    if asked.samples is not None:
        refuse_too_many_samples(asked.samples, limits)


def results_wanted(asked: SearchInput, limits: Limits) -> int:
    """Return how many results were asked for; who did not say gets no more than the limit."""
    return asked.k if "k" in asked.model_fields_set else min(asked.k, limits.k)


def find(
    gallery: Gallery, query: Query, k: int, policy: ResolvedPolicy, conditions: Filter | None
) -> Sequence[Match]:
    """Return the best `k` matches, without the record that was the query."""
    wanted = k if query.excluded_id is None else k + 1
    matches = gallery.search(query.features, query.mask, wanted, policy, conditions)
    return [match for match in matches if match.record.id != query.excluded_id][:k]


def policy_warnings(policy: ResolvedPolicy, mask: NDArray[np.bool_]) -> list[str]:
    """Return a sentence where the policy can find nothing for a query with this mask (3,)."""
    missing = [modality for modality in MODALITIES if not mask[modality.index]]
    if policy != "concat" or not missing:
        return []
    return [
        f"policy concat compares complete samples only and the query has no {', '.join(missing)}, "
        "so nothing can be found; use policy shared"
    ]
