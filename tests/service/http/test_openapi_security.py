"""The description says who may call what."""

from typing import Any

import httpx
import pytest

from service.keys.access import NEEDED, is_public


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def test_the_scheme_is_a_bearer_token(document: dict[str, Any]) -> None:
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_guarded_call_names_the_scheme_its_role_and_how_it_is_refused(
    document: dict[str, Any],
) -> None:
    (scheme,) = document["components"]["securitySchemes"]
    found = operations(document)
    guarded = {call for call in found if not is_public(*call)}
    assert len(guarded) > 10
    for call in guarded:
        assert {scheme: []} in found[call]["security"]
        assert found[call]["x-required-role"] == NEEDED[call]
        assert {"401", "403", "429"} <= found[call]["responses"].keys()


def test_a_public_call_asks_for_nothing(document: dict[str, Any]) -> None:
    assert operations(document)["GET", "/health/live"]["security"] == []
