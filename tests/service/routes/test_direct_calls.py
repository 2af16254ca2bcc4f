import httpx
import pytest
from fastapi import FastAPI

from service.app import application
from service.http.problem_handlers import vreid_error
from service.routes.direct_calls import direct_calls
from service.running import Running
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet
from vreid.errors import VreidError


def test_calls_with_images_are_direct() -> None:
    assert set(direct_calls(application())) == {
        ("POST", "/search"),
        ("POST", "/embed"),
        ("POST", "/compare"),
        ("POST", "/gallery"),
    }


def test_the_framework_looks_for_no_route_of_a_direct_call(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the framework was asked for a route")

    assert client.post("/embed", files=triplet(1)).status_code == 200
    monkeypatch.setattr("fastapi.routing.APIRoute.matches", fail)
    assert client.post("/embed", files=triplet(1)).status_code == 200
    assert client.get("/info").status_code == 500


def test_a_typed_error_is_told_as_by_the_framework(client: httpx.Client) -> None:
    answer = client.post("/embed", files={"rgb": b"no image"})
    assert_problem(answer, 422, "undecodable-image")
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


def test_the_same_error_in_both_ways_has_the_same_handler() -> None:
    app: FastAPI = application()
    assert app.exception_handlers[VreidError] is vreid_error


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/embed", 405), ("HEAD", "/search", 405), ("POST", "/embed/", 404)],
)
def test_all_else_is_answered_by_the_framework(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    assert client.request(method, path).status_code == status


def test_an_unforeseen_error_is_answered_without_its_words(
    service: tuple[httpx.Client, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, running = service

    def fail(*_: object) -> None:
        raise RuntimeError("a secret of this machine")

    monkeypatch.setattr(running.admission, "ticket", fail)
    answer = client.post("/embed", files=triplet(1))
    assert answer.status_code == 500
    assert "secret" not in answer.text
