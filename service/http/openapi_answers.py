"""Which problems each call may answer with, in the API's description: statuses, kinds, examples.

What a call may answer follows from what it does: whether it takes a body or pictures, changes the
gallery, needs a key. So a new call is described as the others are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from service.http.openapi_operations import operations_of
from service.http.problem_examples import DETAILS, example_of
from service.messages.problems import (
    HEAD_TOO_LARGE,
    KINDS,
    MEDIA_TYPE,
    SHUTTING_DOWN,
    TOO_MANY_CONNECTIONS,
    UNEXPECTED,
    UNREADABLE_REQUEST,
    Kind,
    ProblemBody,
)
from service.requests.parsing import FORM

_SCHEMA = {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}
_OF_NO_ERROR = (
    UNEXPECTED,
    SHUTTING_DOWN,
    UNREADABLE_REQUEST,
    HEAD_TOO_LARGE,
    TOO_MANY_CONNECTIONS,
)
"""Kinds that the service answers without an error that was raised."""

_GENERAL = ("misdirected-request", "unexpected", "unreadable-request", "head-too-large",
            "too-many-connections")  # fmt: skip

_BY_TRAIT: Mapping[str, tuple[str, ...]] = {
    "unsafe": ("cross-site-request",),
    "not a probe": ("shutting-down",),
    "body": ("malformed-body", "unsupported-body", "body-too-slow", "body-too-large",
             "invalid-request", "overloaded"),
    "pictures": ("too-many-pixels", "image-too-large", "unsupported-image", "empty-image",
                 "undecodable-image", "no-modality"),
    "computes": ("deadline-passed", "not-ready"),
    "takes parameters": ("invalid-request",),
    "takes a filter": ("invalid-filter",),
    "takes a cursor": ("invalid-search",),
    "guarded": ("unauthenticated", "forbidden", "too-many-requests", "too-many-failures",
                "keys-unreadable", "audit-unwritable"),
    "gallery": ("gallery-unavailable", "gallery-damaged"),
    "changes the gallery": ("gallery-locked", "gallery-retired", "gallery-unwritable",
                            "overloaded"),
    "names a record": ("unknown-record",),
    "tells about a record": ("invalid-record",),
    "probe": ("not-ready",),
}  # fmt: skip
_BY_CALL: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("post", "/search"): ("unknown-record", "fingerprint-mismatch"),
    ("post", "/compare"): ("unknown-record", "unusable-query"),
    ("post", "/gallery"): ("duplicate-record",),
    ("delete", "/gallery"): ("unexpected-count", "deletion-interrupted"),
    ("get", "/gallery/{id}/images/{modality}"): ("unknown-thumbnail", "invalid-request"),
    ("post", "/ingest"): ("ingest-off", "ingest-full", "ingest-unavailable",
                          "idempotency-key-reused", "invalid-record"),
    ("get", "/ingest/{id}"): ("unknown-ingest", "ingest-off", "ingest-unavailable"),
}  # fmt: skip
_RETRIED = ("429", "503", "504")

_HEADERS = {
    "X-Request-ID": {
        "description": "names the request in the service's log: the caller's own, or a new one",
        "schema": {"type": "string"},
        "example": "8b0c6c0f3f5b4f0e9a1d2c3b4a5f6071",
    },
    "Retry-After": {
        "description": "seconds after which to try again; not there where that does not help",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
}


def describe_answers(document: dict[str, Any]) -> None:
    """Say of every call which problems it may answer with, and which headers, in place."""
    components = document.setdefault("components", {})
    kinds = _kinds()
    used: set[str] = set()
    for method, path, operation in operations_of(document):
        used |= _describe(method, path, operation, kinds)
    components["headers"] = _HEADERS
    components["examples"] = {
        slug: {"summary": kinds[slug].title, "value": example_of(kinds[slug])}
        for slug in sorted(used)
    }


def _kinds() -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for kind in (*_OF_NO_ERROR, *KINDS.values()):
        kinds.setdefault(kind.slug, kind)
    return kinds


def _describe(
    method: str, path: str, operation: dict[str, Any], kinds: Mapping[str, Kind]
) -> set[str]:
    slugs = {
        *_GENERAL,
        *_BY_CALL.get((method, path), ()),
        *(slug for trait in traits_of(method, path, operation) for slug in _BY_TRAIT[trait]),
    }
    by_status: dict[str, list[str]] = defaultdict(list)
    for slug in sorted(slugs):
        by_status[str(kinds[slug].status)].append(slug)
    declared = operation.get("responses", {})
    answers = {status: answer for status, answer in declared.items() if status < "400"}
    for status, found in by_status.items():
        description = declared.get(status, {}).get("description")
        answers[status] = _answer(found, kinds, description)
    for status, answer in answers.items():
        headers = answer.setdefault("headers", {})
        headers["X-Request-ID"] = {"$ref": "#/components/headers/X-Request-ID"}
        if status in _RETRIED:
            headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    operation["responses"] = dict(sorted(answers.items()))
    return slugs


def traits_of(method: str, path: str, operation: Mapping[str, Any]) -> list[str]:
    """Return what decides how a call may be refused, the keys of the table above."""
    content = operation.get("requestBody", {}).get("content", {})
    parameters = {each["name"] for each in operation.get("parameters", ())}
    is_probe = path.startswith("/health/") or path == "/metrics"
    is_of_gallery = path.startswith("/gallery")
    of_record = path.startswith("/gallery/{id}")
    holds = {
        "unsafe": method != "get",
        "not a probe": not is_probe,
        "body": bool(content),
        "pictures": FORM in content,
        "computes": FORM in content and path != "/ingest",
        "takes parameters": any(each["in"] == "query" for each in operation.get("parameters", ())),
        "takes a filter": "filter" in parameters or path == "/search",
        "takes a cursor": "cursor" in parameters,
        "guarded": any(operation.get("security", ())),
        "gallery": is_of_gallery or path in ("/search", "/compare"),
        "changes the gallery": is_of_gallery and method != "get",
        "names a record": of_record,
        "tells about a record": is_of_gallery and bool(content),
        "probe": path.startswith("/health/"),
    }
    return [trait for trait, is_so in holds.items() if is_so]


def _answer(slugs: list[str], kinds: Mapping[str, Kind], description: str | None) -> dict[str, Any]:
    examples = {slug: {"$ref": f"#/components/examples/{slug}"} for slug in slugs}
    assert set(slugs) <= DETAILS.keys(), f"describe {set(slugs) - DETAILS.keys()}"
    return {
        "description": description or "; ".join(kinds[slug].title for slug in slugs),
        "content": {MEDIA_TYPE: {"schema": _SCHEMA, "examples": examples}},
    }
