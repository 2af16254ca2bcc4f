"""What API keys add to the API's description: the scheme, and what a guarded call may answer."""

from __future__ import annotations

from typing import Any

from service.http.openapi_operations import operations_of
from service.keys.access import TELLS_MORE_WITH_KEY, is_public, needed_role

SCHEME = "apiKey"

_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": (
        "An API key as `vreid keys create` prints it. Needed where the service was given a file of "
        "keys; without one it answers on its own machine only, and to everybody there."
    ),
}
_TITLES = {
    401: "There is no valid API key",
    403: "The key's role may not make this call",
    429: "The key's rate is used up, or too much is waiting; Retry-After says when to come back",
}


def describe_security(document: dict[str, Any], problem_content: dict[str, Any]) -> None:
    """Add to an OpenAPI document who may make each call, in place.

    Without keys the same calls need none, so each guarded call names both ways. The document is the
    same in every installation of a version.

    Args:
        document: with its paths.
        problem_content: what an answer that is a problem contains.
    """
    document.setdefault("components", {})["securitySchemes"] = {SCHEME: _SCHEME}
    for method, path, operation in operations_of(document):
        _describe(operation, method.upper(), path, problem_content)


def _describe(
    operation: dict[str, Any], method: str, path: str, problem_content: dict[str, Any]
) -> None:
    tells_more = (method, path) in TELLS_MORE_WITH_KEY
    if is_public(method, path) and not tells_more:
        operation["security"] = []
        return
    operation["security"] = [{}, {SCHEME: []}] if tells_more else [{SCHEME: []}, {}]
    operation["x-required-role"] = needed_role(method, path)
    responses = operation.setdefault("responses", {})
    for status, title in _TITLES.items():
        answer = responses.setdefault(str(status), {"content": problem_content})
        answer["description"] = title
    operation["responses"] = dict(sorted(responses.items()))
