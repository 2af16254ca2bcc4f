"""A served gallery to search: who is in it, and how it is asked."""

import base64
from typing import Any

import httpx

from tests.service.problem_checks import assert_problem
from tests.service.vehicles import triplet

VEHICLES = 5
CAMERAS = ("north", "south", "gate")


def sightings() -> list[dict[str, Any]]:
    """Three of each of five vehicles, some thermal only, and two of nobody knows whom."""
    known = [
        {
            **encoded(sighting(identity, number)),
            "id": f"{identity}-{camera}",
            "identity": f"v{identity}",
            "camera": camera,
            "scene": f"s{number}",
        }
        for identity in range(VEHICLES)
        for number, camera in enumerate(CAMERAS)
    ]
    return known + [{**encoded(triplet(vehicle, 8)), "id": f"x{vehicle}"} for vehicle in (0, 9)]


def sighting(identity: int, number: int) -> dict[str, bytes]:
    """Pictures of a vehicle; every second vehicle's last sighting is thermal only."""
    images = triplet(identity, number)
    return {"tir": images["tir"]} if identity % 2 and number == 2 else images


def encoded(images: dict[str, bytes]) -> dict[str, str]:
    """Pictures as JSON carries them."""
    return {name: base64.b64encode(data).decode() for name, data in images.items()}


def search(client: httpx.Client, **document: object) -> dict[str, Any]:
    """The answer to a search."""
    response = client.post("/search", json=document)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def refused(client: httpx.Client, kind: str = "invalid-request", **document: object) -> list[str]:
    """The fields that a search was refused for."""
    body = assert_problem(client.post("/search", json=document), 422, kind)
    return [error["field"] for error in body.get("errors", ())]


def ids(answer: dict[str, Any]) -> list[str]:
    """Ids of the results."""
    return [result["id"] for result in answer["results"]]


def pages(client: httpx.Client, **document: object) -> list[dict[str, Any]]:
    """Every page of a search."""
    answers = [search(client, **document)]
    while cursor := answers[-1]["next_cursor"]:
        answers.append(search(client, **document, cursor=cursor))
    return answers
