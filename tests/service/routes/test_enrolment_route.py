"""Several sightings enrolled together, and corrections of what is told about them."""

import base64
import threading
from typing import Any

import httpx
import pytest

from service.running import Running
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet


@pytest.fixture
def client(service: tuple[httpx.Client, Running]) -> httpx.Client:
    """A client of a service with an empty gallery."""
    return service[0]


def sample(vehicle: int, **fields: object) -> dict[str, Any]:
    images = {name: base64.b64encode(data).decode() for name, data in triplet(vehicle).items()}
    return {**images, **fields}


def enrol(client: httpx.Client, *samples: dict[str, Any]) -> httpx.Response:
    return client.post("/gallery", json={"samples": list(samples)})


def listed(client: httpx.Client) -> list[str]:
    return [record["id"] for record in client.get("/gallery").json()["records"]]


def test_several_sightings_are_stored_in_their_order(client: httpx.Client) -> None:
    del (second := sample(2, id="b"))["rgb"]
    response = enrol(client, sample(1, id="a", identity="v1"), second, sample(3))
    assert response.status_code == 201
    records = response.json()["records"]
    assert [record["id"] for record in records[:2]] == ["a", "b"]
    assert records[0]["identity"] == "v1"
    assert records[1]["mask"] == {"rgb": False, "nir": True, "tir": True}
    assert listed(client) == [record["id"] for record in records]
    found = client.post("/search", files=triplet(3), data={"k": "1"}).json()
    assert found["results"][0]["id"] == records[2]["id"]
    assert client.get(records[1]["thumbnails"]["nir"]).status_code == 200


@pytest.mark.parametrize(
    ("second", "status", "kind", "field"),
    [
        ({"camera": "x" * 300}, 422, "invalid-record", "samples[1].camera"),
        ({"attributes": {"a": [1]}}, 422, "invalid-record", "samples[1].attributes"),
        ({"id": "a/b"}, 422, "invalid-record", "samples[1].id"),
        ({"rgb": base64.b64encode(b"x").decode()}, 422, "undecodable-image", "samples[1].rgb"),
        ({"id": "a"}, 422, "invalid-request", "samples[1].id"),
        ({"colour": "red"}, 422, "invalid-request", "samples[1].colour"),
        ({"id": "taken"}, 409, "duplicate-record", "samples[1].id"),
    ],
)
def test_one_sighting_at_fault_stores_none_and_is_named(
    client: httpx.Client, second: dict[str, Any], status: int, kind: str, field: str
) -> None:
    assert enrol(client, sample(9, id="taken")).status_code == 201
    response = enrol(client, sample(1, id="a"), sample(2) | second)
    body = assert_problem(response, status, kind)
    assert [error["field"] for error in body.get("errors", ())] == [field]
    assert listed(client) == ["taken"]


def test_no_sightings_or_too_many_are_refused(client: httpx.Client) -> None:
    assert_problem(enrol(client), 422, "invalid-request")
    many = assert_problem(enrol(client, *[{"rgb": "AAAA"}] * 65), 422, "invalid-request")
    assert "at most 64" in many["detail"]


def test_a_correction_changes_what_it_names_and_nothing_else(client: httpx.Client) -> None:
    attributes = {"colour": "red", "doors": 5}
    told = {"identity": "v1", "camera": "north", "scene": "7", "attributes": attributes}
    enrol(client, sample(1, id="a", **told), sample(2, id="b"))
    before = client.get("/gallery/a").json()
    change = {"identity": "v2", "scene": None, "attributes": {"doors": None, "taxi": True}}
    response = client.patch("/gallery/a", json=change)
    assert response.status_code == 200
    expected = {"identity": "v2", "scene": None, "attributes": {"colour": "red", "taxi": True}}
    assert response.json() == before | expected
    assert client.get("/gallery/a").json() == response.json()
    thumbnail = client.get("/gallery/a/images/rgb")
    assert thumbnail.status_code == 200
    body = {"id": "b", "filter": {"identity": "v2"}}
    found = client.post("/search", json=body).json()["results"]
    assert [result["id"] for result in found] == ["a"]
    assert listed(client) == ["b", "a"]


def test_a_correction_that_changes_nothing_leaves_the_record_in_its_place(
    client: httpx.Client,
) -> None:
    enrol(client, sample(1, id="a", identity="v1"), sample(2, id="b"))
    for change in ({}, {"identity": "v1"}, {"attributes": {"colour": None}}):
        assert client.patch("/gallery/a", json=change).json()["identity"] == "v1"
    assert listed(client) == ["a", "b"]


def test_a_correction_may_come_as_a_merge_patch_and_take_all_attributes_away(
    client: httpx.Client,
) -> None:
    enrol(client, sample(1, id="a", attributes={"colour": "red"}))
    headers = {"content-type": "application/merge-patch+json"}
    response = client.patch("/gallery/a", content=b'{"attributes": null}', headers=headers)
    assert response.json()["attributes"] == {}


@pytest.mark.parametrize(
    ("change", "kind", "field"),
    [
        ({"identity": "v2", "camera": ""}, "invalid-record", "camera"),
        ({"captured_at": "2024-05-01T10:00:00"}, "invalid-record", "captured_at"),
        ({"captured_at": 1714557600}, "invalid-request", "captured_at"),
        ({"attributes": {"a": {"b": 1}}}, "invalid-record", "attributes"),
        ({"id": "b"}, "invalid-request", "id"),
        ({"identity": 5}, "invalid-request", "identity"),
        ([], "invalid-request", "body"),
    ],
)
def test_a_correction_that_cannot_be_stored_changes_nothing(
    client: httpx.Client, change: object, kind: str, field: str
) -> None:
    enrol(client, sample(1, id="a", identity="v1"))
    before = client.get("/gallery/a").json()
    body = assert_problem(client.patch("/gallery/a", json=change), 422, kind)
    assert [error["field"] for error in body["errors"]] == [field]
    assert client.get("/gallery/a").json() == before


def test_a_correction_of_nothing_and_a_form_are_refused(client: httpx.Client) -> None:
    assert_problem(client.patch("/gallery/nobody", json={}), 404, "unknown-record")
    enrol(client, sample(1, id="a"))
    response = client.patch("/gallery/a", files={"identity": (None, "v1")})
    assert "merge-patch" in assert_problem(response, 415, "unsupported-body")["detail"]


def test_corrections_at_the_same_moment_all_count(client: httpx.Client) -> None:
    enrol(client, sample(1, id="a"))
    names = [f"n{number}" for number in range(6)]

    def correct(name: str) -> None:
        client.patch("/gallery/a", json={"attributes": {name: True}})

    threads = [threading.Thread(target=correct, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("/gallery/a").json()["attributes"] == dict.fromkeys(names, True)
