"""The client against the API's own description: nothing of it is missing."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from tests.vreid.client.seen import seen, sighted
from vreid.client import AsyncClient, Client, calls, enrolment, record_calls
from vreid.client.flows import Flow
from vreid.client.requests import Request

FIRST_REQUESTS: list[Callable[[], Flow[Any]]] = [
    lambda: calls.embed(seen(0)),
    lambda: calls.search(seen(0)),
    lambda: calls.compare(seen(0), seen(1)),
    lambda: enrolment.enrol(sighted(0)),
    lambda: record_calls.page(),
    lambda: record_calls.delete_matching({"camera": "north"}),
    lambda: record_calls.get("x"),
    lambda: record_calls.correct("x", {}),
    lambda: record_calls.delete("x"),
    lambda: record_calls.thumbnail("x", "rgb"),
    lambda: calls.ingest(sighted(0)),
    lambda: calls.ingest_progress("x"),
    lambda: calls.info(),
    lambda: calls.status(),
    lambda: calls.me(),
    lambda: calls.live(),
    lambda: calls.ready(),
    lambda: calls.metrics(),
]


@pytest.fixture(scope="module")
def described(service: str) -> Mapping[str, Any]:
    """The service's OpenAPI document."""
    document: Mapping[str, Any] = httpx.get(f"{service}/openapi.json", trust_env=False).json()
    return document


def test_every_operation_of_the_service_is_a_call_and_the_other_way_round(
    described: Mapping[str, Any],
) -> None:
    operations = {
        (method.upper(), path) for path, item in described["paths"].items() for method in item
    }
    paths = {path for _, path in operations}
    asked = set()
    for flow in FIRST_REQUESTS:
        request = next(flow())
        assert isinstance(request, Request)
        asked.add((request.method, template_of(request.path, paths)))
    assert asked == operations


def test_a_search_can_say_all_that_the_service_takes(described: Mapping[str, Any]) -> None:
    taken = set(described["components"]["schemas"]["SearchInput"]["properties"])
    by_the_query = {"samples", "embedding", "embeddings", "ids"}
    assert set(inspect.signature(calls.search).parameters) - {"query"} == taken - by_the_query


@pytest.mark.parametrize("model", ["EnrolInput", "Images"])
def test_a_sighting_can_say_all_that_the_service_takes(
    described: Mapping[str, Any], model: str
) -> None:
    taken = set(described["components"]["schemas"][model]["properties"])
    told = sighted(0) if model == "EnrolInput" else seen(0)
    assert taken == {name for kind in type(told).__mro__ for name in getattr(kind, "__slots__", ())}


def test_both_clients_have_the_same_calls_with_the_same_arguments() -> None:
    def calls_of(kind: type) -> dict[str, inspect.Signature]:
        return {
            name: inspect.signature(member)
            for name, member in vars(kind).items()
            if not name.startswith("_") and name not in ("close", "aclose", "run")
        }

    assert calls_of(Client) == calls_of(AsyncClient)
    assert len(calls_of(Client)) >= len(FIRST_REQUESTS)


def test_help_shows_the_arguments_and_what_they_mean() -> None:
    assert "min_probability" in str(inspect.signature(Client.search))
    assert "fused" in (Client.search.__doc__ or "")


def template_of(path: str, templates: set[str]) -> str:
    if path in templates:
        return path
    return next(
        template
        for template in templates
        if "{" in template and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    )
