"""What every problem has in common, checked in one place."""

from typing import Any

import httpx


def assert_problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """Check that the response is a whole problem of this status and kind; returns its body."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:vreid:problem:{kind}"
    assert body["status"] == status
    assert body["title"]
    assert len(body["detail"]) > 10
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["instance"] == f"urn:vreid:request:{body['request_id']}"
    assert "Traceback" not in response.text
    return body
