"""`GET /gallery` and `DELETE /gallery` with a filter."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.gallery.store.database import DATABASE_NAME
from service.gallery.store.generations import served_generation
from service.running import Running
from tests.service.gallery.builders import new_record, random_features
from tests.service.problem_checks import assert_problem

WHITE = json.dumps({"attributes": {"colour": "white"}, "captured_at": {"exists": False}})


@pytest.fixture
def client(service: tuple[httpx.Client, Running]) -> httpx.Client:
    """A client of a service with five records; the second and the fourth are white."""
    http, running = service
    size = running.bundle.manifest.feature_size
    running.gallery.add_all(
        [
            new_record(
                features=random_features(np.random.default_rng(number), size),
                id=str(number),
                camera="gate",
                attributes={"colour": "red" if number % 2 else "white"},
            )
            for number in range(1, 6)
        ]
    )
    return http


def listed(client: httpx.Client, **parameters: str) -> list[str]:
    return [each["id"] for each in client.get("/gallery", params=parameters).json()["records"]]


def test_a_page_holds_the_records_that_pass(client: httpx.Client) -> None:
    assert listed(client, filter=WHITE) == ["2", "4"]
    first = client.get("/gallery", params={"filter": WHITE, "limit": "1"}).json()
    assert [each["id"] for each in first["records"]] == ["2"]
    assert listed(client, filter=WHITE, limit="1", cursor=first["next_cursor"]) == ["4"]


def test_a_dry_run_counts_and_deletes_nothing(client: httpx.Client) -> None:
    told = client.delete("/gallery", params={"filter": WHITE, "dry_run": "true"})
    assert (told.status_code, told.json()) == (200, {"matched": 2, "deleted": 0})
    assert listed(client) == ["1", "2", "3", "4", "5"]


def test_the_records_that_pass_are_deleted_and_no_others(client: httpx.Client) -> None:
    told = client.delete("/gallery", params={"filter": WHITE})
    assert (told.status_code, told.json()) == (200, {"matched": 2, "deleted": 2})
    assert listed(client) == ["1", "3", "5"]
    assert client.get("/gallery/2").status_code == 404
    again = client.delete("/gallery", params={"filter": WHITE})
    assert (again.status_code, again.json()) == (200, {"matched": 0, "deleted": 0})


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({}, "invalid-request"),
        ({"filter": "{}"}, "invalid-filter"),
        ({"filter": '{"camera": null}'}, "invalid-filter"),
        ({"filter": "camera=gate"}, "invalid-filter"),
        ({"filter": '{"exclude_same_camera": true}'}, "invalid-filter"),
        ({"filter": '{"camera": "gate"}', "dry-run": "true"}, "invalid-request"),
        ({"camera": "gate"}, "invalid-request"),
        ({"filter": '{"camera": "gate", "camera": "yard"}'}, "invalid-filter"),
        ({"filter": '{"not": {"camera": "gaet"}}'}, "invalid-request"),
        ({"filter": '{"camera": "gate"}'}, "invalid-request"),
        ({"filter": [WHITE, '{"camera": "gate"}']}, "invalid-request"),
        ({"filter": WHITE, "dry_run": ["true", "false"]}, "invalid-request"),
        ({"filter": WHITE, "expected": "-1"}, "invalid-request"),
        ({"filter": WHITE, "expected": "two"}, "invalid-request"),
        ({"filter": WHITE, "expected": ["2", "2"]}, "invalid-request"),
    ],
)
def test_a_deletion_that_does_not_say_what_to_delete_deletes_nothing(
    client: httpx.Client, parameters: dict[str, str | list[str]], kind: str
) -> None:
    assert_problem(client.delete("/gallery", params=parameters), 422, kind)
    assert len(listed(client)) == 5


def test_a_filter_that_every_record_passes_deletes_when_told_to_delete_all(
    client: httpx.Client,
) -> None:
    parameters = {"filter": '{"camera": "gate"}'}
    refused = assert_problem(client.delete("/gallery", params=parameters), 422, "invalid-request")
    assert [error["field"] for error in refused["errors"]] == ["filter"]
    assert "every record of the gallery (5)" in refused["detail"]
    told = client.delete("/gallery", params={**parameters, "dry_run": "true"})
    assert told.json() == {"matched": 5, "deleted": 0}
    told = client.delete("/gallery", params={**parameters, "all": "true"})
    assert told.json() == {"matched": 5, "deleted": 5}
    assert listed(client) == []
    again = client.delete("/gallery", params=parameters)
    assert (again.status_code, again.json()) == (200, {"matched": 0, "deleted": 0})


def test_another_number_of_records_than_expected_is_refused(client: httpx.Client) -> None:
    for expected in ("1", "3", "0"):
        parameters = {"filter": WHITE, "expected": expected}
        refused = assert_problem(
            client.delete("/gallery", params=parameters), 409, "unexpected-count"
        )
        assert f"2 records pass the filter and {expected} were expected" in refused["detail"]
        assert [error["field"] for error in refused["errors"]] == ["expected"]
    assert len(listed(client)) == 5
    told = client.delete("/gallery", params={"filter": WHITE, "expected": "2"})
    assert (told.status_code, told.json()) == (200, {"matched": 2, "deleted": 2})
    assert listed(client) == ["1", "3", "5"]


def test_a_record_that_others_delete_meanwhile_is_matched_and_not_deleted(
    service: tuple[httpx.Client, Running],
) -> None:
    client, running = service
    size = running.bundle.manifest.feature_size
    features = random_features(np.random.default_rng(1), size)
    running.gallery.add_all(
        [new_record(features=features, id=str(number), camera="gate") for number in range(501)]
    )
    directory = Path(running.gallery.info().directory)
    path = directory / served_generation(directory) / DATABASE_NAME
    with closing(sqlite3.connect(path)) as connection:
        # Somebody who deletes the last one before its turn.
        connection.execute(
            "CREATE TRIGGER somebody AFTER DELETE ON record WHEN old.id = '0' "
            "BEGIN DELETE FROM record WHERE id = '500'; END"
        )
    parameters = {"filter": '{"camera": "gate"}', "all": "true", "expected": "501"}
    told = client.delete("/gallery", params=parameters)
    assert (told.status_code, told.json()) == (200, {"matched": 501, "deleted": 500})
    assert listed(client) == []


def test_a_parameter_of_a_page_is_given_once(client: httpx.Client) -> None:
    for parameters in ({"filter": [WHITE, WHITE]}, {"limit": ["1", "2"]}):
        refused = client.get("/gallery", params=parameters)
        body = assert_problem(refused, 422, "invalid-request")
        assert [error["field"] for error in body["errors"]] == list(parameters)


@pytest.mark.parametrize("text", ['{"colour": "white"}', "[]", '{"exclude_same_scene": true}'])
def test_a_page_is_refused_with_a_filter_that_says_something_else(
    client: httpx.Client, text: str
) -> None:
    refused = client.get("/gallery", params={"filter": text})
    body = assert_problem(refused, 422, "invalid-filter")
    assert [error["field"] for error in body["errors"]] == ["filter"]
