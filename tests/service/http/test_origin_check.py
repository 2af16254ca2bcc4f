"""What a page of another site can make a browser send to a service on this machine."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.problem_checks import assert_problem
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.9.8.7:1", "[::1]:80"]
)
def test_names_of_this_machine_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/info", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["rebound.example", "rebound.example:8000", "127.0.0.1.example", "192.0.2.1", "[::1", "a:b"],
)
def test_a_name_that_somebody_pointed_here_is_refused(client: httpx.Client, host: str) -> None:
    for path in ("/info", "/", "/gallery"):
        body = assert_problem(client.get(path, headers={"host": host}), 421, "misdirected-request")
        assert "VREID_ALLOWED_HOSTS" in body["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://other.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://[::1"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_what_a_page_of_another_site_sends_is_refused(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    response = client.post("/search", files=triplet(1), headers=headers)
    assert_problem(response, 403, "cross-site-request")
    assert_problem(client.delete("/gallery/a", headers=headers), 403, "cross-site-request")


def test_the_console_may_search(client: httpx.Client) -> None:
    origin = str(client.base_url).rstrip("/")
    headers = {"origin": origin, "sec-fetch-site": "same-origin"}
    assert client.post("/search", files=triplet(1), headers=headers).status_code == 200


def test_a_link_from_another_site_opens_the_console(client: httpx.Client) -> None:
    assert client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


@pytest.fixture(scope="module")
def proxied(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A service behind a proxy that is known by a name of its own."""
    with running_service(
        calibrated_bundle.path,
        tmp_path_factory.mktemp("proxied") / "gallery",
        allowed_hosts="vreid.example, other.example",
    ) as (client, _):
        yield client


def test_a_name_can_be_allowed(proxied: httpx.Client) -> None:
    headers = {"host": "vreid.example", "origin": "https://vreid.example"}
    assert proxied.post("/search", files=triplet(1), headers=headers).status_code == 200
    refused = proxied.get("/info", headers={"host": "third.example"})
    assert_problem(refused, 421, "misdirected-request")


def test_where_the_network_decides_every_name_is_answered(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with running_service(calibrated_bundle.path, tmp_path / "gallery", allow_open=True) as (
        client,
        _,
    ):
        assert client.get("/info", headers={"host": "vreid.example"}).status_code == 200
