"""Which failures that schemathesis finds are passed over: those that its own calls explain."""

import json

import pytest
import requests
from schemathesis import Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import AuthScenario, IgnoredAuth

from tests.abuse.schema_hooks import KEY_VARIABLE, TOO_MANY, filter_failure

KEY = "the-valid-key"
OVERLOADED = "urn:vreid:problem:overloaded"


@pytest.fixture(autouse=True)
def valid_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def answer(status: int, told: str, key: str | None) -> Response:
    """An answer to a call with a key, or without one."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return Response(
        status_code=status,
        headers={"content-type": ["application/problem+json"]},
        content=json.dumps({"type": told}).encode(),
        request=requests.Request("GET", "http://127.0.0.1/info", headers).prepare(),
        elapsed=0.1,
        verify=True,
    )


def is_told(failure: Failure, response: Response) -> bool:
    told: bool = filter_failure(None, failure, None, response)
    return told


def unexpected(status: int) -> Failure:
    return Failure(
        operation="GET /info", title="Unexpected status", message=f"got {status}, expected 401"
    )


@pytest.mark.parametrize("key", [None, "another-key"])
def test_a_call_without_the_key_may_be_told_that_there_were_too_many(key: str | None) -> None:
    assert not is_told(unexpected(429), answer(429, TOO_MANY, key))


@pytest.mark.parametrize(
    ("status", "told", "key"),
    [(429, TOO_MANY, KEY), (429, OVERLOADED, KEY), (429, OVERLOADED, None), (500, TOO_MANY, None)],
)
def test_every_other_refusal_is_a_failure(status: int, told: str, key: str | None) -> None:
    assert is_told(unexpected(status), answer(status, told, key))


@pytest.mark.parametrize(("got", "told"), [("429 Too Many Requests", False), ("200 OK", True)])
def test_a_call_that_a_check_sent_without_the_key_may_be_told_the_same(
    got: str, told: bool
) -> None:
    failure = IgnoredAuth(
        operation="GET /info",
        message=f"Expected 401 or 403, got `{got}` for `GET /info`",
        scenario=AuthScenario.NO_AUTH,
    )
    assert is_told(failure, answer(200, "about:blank", KEY)) is told
