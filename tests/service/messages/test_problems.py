import inspect

import httpx
import pytest

from service import errors as service_errors
from service import request_errors
from service.messages.problems import KINDS, UNEXPECTED, kind_of
from service.request_errors import InvalidField, InvalidFields
from tests.service.problem_checks import assert_problem
from vreid import errors
from vreid.errors import EngineError, UndecodableImage, VreidError


def test_kinds_with_one_type_have_one_status() -> None:
    statuses: dict[str, set[int]] = {}
    for kind in KINDS.values():
        statuses.setdefault(kind.type, set()).add(kind.status)
    assert all(len(found) == 1 for found in statuses.values())


def test_every_error_a_request_can_cause_has_a_kind() -> None:
    caused_by_requests = (
        errors.ImageError,
        errors.SampleError,
        errors.FusionError,
        errors.ScoringError,
        request_errors.RequestError,
        service_errors.UnknownRecord,
        service_errors.DuplicateRecord,
        service_errors.InvalidRecord,
        service_errors.InvalidFilter,
        service_errors.InvalidSearch,
    )
    for module in (errors, service_errors, request_errors):
        for _, found in inspect.getmembers(module, inspect.isclass):
            if not issubclass(found, caused_by_requests):
                continue
            if found in (request_errors.RequestError, InvalidFields, InvalidField):
                continue
            assert any(ancestor in KINDS for ancestor in found.__mro__), found


def test_a_refused_field_takes_the_kind_of_its_cause() -> None:
    error = InvalidField("rgb", UndecodableImage("not an image"))
    assert kind_of(error).slug == "undecodable-image"


def test_an_error_of_the_machine_is_no_fault_of_the_client() -> None:
    assert kind_of(EngineError("CUDA failed")) is UNEXPECTED
    assert kind_of(VreidError("anything")) is UNEXPECTED


def test_an_unknown_path_is_a_problem(client: httpx.Client) -> None:
    assert "/docs" in assert_problem(client.get("/nowhere"), 404, "not-found")["detail"]


def test_an_unsupported_method_is_a_problem_that_names_the_supported_ones(
    client: httpx.Client,
) -> None:
    response = client.put("/search")
    assert "POST" in assert_problem(response, 405, "method-not-allowed")["detail"]
    assert response.headers["allow"] == "POST"


def test_every_answer_carries_a_request_id(client: httpx.Client) -> None:
    paths = ["/", "/docs", "/openapi.json", "/health/live", "/info", "/nowhere", "/gallery"]
    found = [client.get(path).headers["x-request-id"] for path in paths]
    assert len(set(found)) == len(paths)


def test_a_sane_request_id_is_taken_over(client: httpx.Client) -> None:
    response = client.get("/nowhere", headers={"X-Request-ID": "camera-7.42"})
    assert response.headers["x-request-id"] == "camera-7.42"
    assert response.json()["request_id"] == "camera-7.42"


@pytest.mark.parametrize("given", ["", "a b", "x" * 200, "<script>", "a\tb"])
def test_another_request_id_is_replaced(client: httpx.Client, given: str) -> None:
    response = client.get("/nowhere", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] != given
