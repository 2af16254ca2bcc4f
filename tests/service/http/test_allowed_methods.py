"""What is told to who calls a path by a method that it does not have."""

import httpx
import pytest

from tests.service.problem_checks import assert_problem


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/gallery", {"DELETE", "GET", "POST"}),
        ("/gallery/one", {"DELETE", "GET", "PATCH"}),
        ("/search", {"POST"}),
        ("/health/live", {"GET"}),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "TRACE"])
def test_every_method_of_the_path_is_named(
    client: httpx.Client, method: str, path: str, methods: set[str]
) -> None:
    response = client.request(method, path)
    body = assert_problem(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == methods
    assert all(each in body["detail"] for each in methods)
