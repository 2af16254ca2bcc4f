import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from service.running import Running
from tests.redis_server import RedisServer
from tests.service.ingest.waiting import finished
from tests.service.problem_checks import assert_problem
from tests.service.serving import running_service
from tests.service.vehicles import declared_huge_png, picture, triplet
from vreid.bundle import Bundle


@pytest.fixture
def client(
    calibrated_bundle: Bundle, tmp_path: Path, redis_server: RedisServer
) -> Iterator[httpx.Client]:
    """A client of a service with one worker and an empty gallery."""
    ingest = {"redis": redis_server.url, "workers": 1, "idle": 0.2, "attempts": 2}
    with running_service(calibrated_bundle.path, tmp_path / "gallery", ingest=ingest) as (each, _):
        yield each


@pytest.fixture
def without_workers(
    calibrated_bundle: Bundle, tmp_path: Path, redis_server: RedisServer
) -> Iterator[tuple[httpx.Client, Running]]:
    """A service that accepts three entries and embeds none."""
    ingest = {"redis": redis_server.url, "length": 3}
    with running_service(calibrated_bundle.path, tmp_path / "gallery", ingest=ingest) as service:
        yield service


def encoded(images: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in images.items()}


def record_ids(client: httpx.Client) -> list[str]:
    return [record["id"] for record in client.get("/gallery").json()["records"]]


def test_a_sighting_is_accepted_now_and_found_later(client: httpx.Client) -> None:
    response = client.post("/ingest", files=triplet(1), data={"identity": "v1", "camera": "north"})
    assert response.status_code == 202
    accepted = response.json()
    assert accepted["status"] == "accepted"
    assert accepted["repeated"] is False
    assert response.headers["location"] == accepted["links"]["self"] == f"/ingest/{accepted['id']}"
    done = finished(client, accepted["id"])
    assert (done["status"], done["attempts"], done["problem"]) == ("stored", 1, None)
    [address] = done["links"]["records"]
    record = client.get(address).json()
    assert [record["id"]] == done["records"]
    assert (record["identity"], record["camera"]) == ("v1", "north")
    assert client.get(record["thumbnails"]["tir"]).content[:2] == b"\xff\xd8"
    found = client.post("/search", files=triplet(1)).json()["results"]
    assert [each["id"] for each in found] == done["records"]


def test_accepted_sightings_are_computed_behind_searches(client: httpx.Client) -> None:
    accepted = client.post("/ingest", files=triplet(1)).json()
    assert finished(client, accepted["id"])["status"] == "stored"
    assert client.post("/search", files=triplet(1)).status_code == 200
    metrics = client.get("/metrics").text.splitlines()
    for urgency in ("ingest", "search"):
        assert f'vreid_queue_seconds_count{{branch="rgb",urgency="{urgency}"}} 1.0' in metrics


def test_a_batch_is_stored_as_one(client: httpx.Client) -> None:
    samples = [{**encoded(triplet(number)), "identity": f"v{number}"} for number in range(3)]
    samples[1]["id"] = "mine"
    accepted = client.post("/ingest", json={"samples": samples}).json()
    done = finished(client, accepted["id"])
    assert done["records"] == [f"{accepted['id']}.0", "mine", f"{accepted['id']}.2"]
    identities = [client.get(address).json()["identity"] for address in done["links"]["records"]]
    assert identities == ["v0", "v1", "v2"]


def test_ingest_and_enrolment_store_the_same_features(client: httpx.Client) -> None:
    enrolled = client.post("/gallery", files=triplet(1)).json()["id"]
    ingested = finished(client, client.post("/ingest", files=triplet(1)).json()["id"])["records"]
    results = client.post("/search", json={"id": enrolled, "policy": "center"}).json()["results"]
    assert [each["id"] for each in results] == ingested
    assert results[0]["score"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("headers", [{"Idempotency-Key": "one"}, {}], ids=["key", "content"])
def test_sixteen_clients_with_one_request_make_one_record(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    def send(_: int) -> httpx.Response:
        return client.post("/ingest", files=triplet(1), headers=headers)

    with ThreadPoolExecutor(16) as clients:
        responses = list(clients.map(send, range(16)))
    assert {response.status_code for response in responses} == {202}
    assert sum(not response.json()["repeated"] for response in responses) == 1
    [entry_id] = {response.json()["id"] for response in responses}
    done = finished(client, entry_id)
    again = client.post("/ingest", files=triplet(1), headers=headers).json()
    assert (again["id"], again["repeated"]) == (entry_id, True)
    assert record_ids(client) == done["records"]


def test_a_key_does_not_serve_two_contents(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "one"}
    assert client.post("/ingest", files=triplet(1), headers=headers).status_code == 202
    other = client.post("/ingest", files=triplet(2), headers=headers)
    assert_problem(other, 422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(client: httpx.Client, key: str) -> None:
    response = client.post("/ingest", files=triplet(1), headers={"Idempotency-Key": key})
    problem = assert_problem(response, 422, "invalid-request")
    assert problem["errors"][0]["field"] == "Idempotency-Key"


def test_what_no_worker_could_store_is_refused_at_once(client: httpx.Client) -> None:
    def post(files: dict[str, bytes], **data: str) -> httpx.Response:
        return client.post("/ingest", files=files, data=data)

    assert_problem(post({"rgb": b"no picture"}), 422, "undecodable-image")
    assert_problem(post({"rgb": declared_huge_png()}), 413, "image-too-large")
    assert_problem(post(triplet(1), captured_at="2024-05-01T10:00:00"), 422, "invalid-record")
    assert_problem(post(triplet(1), id="a/b"), 422, "invalid-record")
    assert_problem(post({}, camera="north"), 415, "unsupported-body")
    twice = [{**encoded(triplet(number)), "id": "same"} for number in range(2)]
    problem = assert_problem(
        client.post("/ingest", json={"samples": twice}), 422, "invalid-request"
    )
    assert problem["errors"][0]["field"] == "samples[1].id"
    many = [encoded({"rgb": picture(1)})] * 65
    assert_problem(client.post("/ingest", json={"samples": many}), 422, "invalid-request")
    assert client.get("/info").json()["ingest"]["length"] == 0


def test_a_picture_that_breaks_off_fails_with_the_field_and_the_reason(
    client: httpx.Client,
) -> None:
    whole = picture(1)
    response = client.post("/ingest", files={"rgb": whole[: len(whole) // 2]})
    done = finished(client, response.json()["id"])
    assert (done["status"], done["records"]) == ("failed", None)
    problem = done["problem"]
    assert problem["type"] == "urn:vreid:problem:undecodable-image"
    assert problem["errors"][0]["field"] == "rgb"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert client.get("/info").json()["ingest"]["dead"] == 1


def test_an_id_of_another_sighting_fails_and_the_same_sighting_does_not(
    client: httpx.Client,
) -> None:
    client.post("/gallery", files=triplet(1), data={"id": "one"})
    other = client.post("/ingest", files=triplet(2), data={"id": "one"}).json()
    same = client.post("/ingest", files=triplet(1), data={"id": "one"}).json()
    problem = finished(client, other["id"])["problem"]
    assert problem["type"] == "urn:vreid:problem:duplicate-record"
    assert finished(client, same["id"])["records"] == ["one"]
    assert record_ids(client) == ["one"]


def test_a_long_stream_answers_429(without_workers: tuple[httpx.Client, Running]) -> None:
    client, _ = without_workers
    for number in range(3):
        assert client.post("/ingest", files=triplet(number)).status_code == 202
    refused = client.post("/ingest", files=triplet(4))
    assert_problem(refused, 429, "ingest-full")
    assert int(refused.headers["retry-after"]) > 0
    # What is known already takes no more room.
    again = client.post("/ingest", files=triplet(0))
    assert (again.status_code, again.json()["repeated"]) == (202, True)
    progress = client.get(again.json()["links"]["self"]).json()
    assert (progress["status"], progress["records"]) == ("waiting", None)
    assert client.get("/info").json()["ingest"] == {
        "enabled": True,
        "available": True,
        "length": 3,
        "pending": 0,
        "dead": 0,
        "limit": 3,
        "workers": 0,
        "keeps_on_disk": True,
    }


def test_a_server_without_memory_answers_429(
    without_workers: tuple[httpx.Client, Running], redis_server: RedisServer
) -> None:
    client, _ = without_workers
    with redis_server.client() as inside, ExitStack() as stack:
        stack.callback(inside.config_set, "maxmemory", 0)
        inside.config_set("maxmemory", 1)
        response = client.post("/ingest", files=triplet(1))
        assert_problem(response, 429, "ingest-full")
    assert client.post("/ingest", files=triplet(1)).status_code == 202


def test_an_id_that_was_never_given_is_unknown(client: httpx.Client) -> None:
    assert_problem(client.get("/ingest/nobody"), 404, "unknown-ingest")


def test_without_redis_ingest_says_which_setting_is_missing(
    service: tuple[httpx.Client, Running],
) -> None:
    client, _ = service
    for response in (client.post("/ingest", files=triplet(1)), client.get("/ingest/x")):
        assert "VREID_INGEST__REDIS" in assert_problem(response, 501, "ingest-off")["detail"]
    facts = client.get("/info").json()["ingest"]
    assert (facts["enabled"], facts["available"]) == (False, False)


def test_the_call_is_described_with_its_header_and_an_example(
    service: tuple[httpx.Client, Running],
) -> None:
    document = service[0].get("/openapi.json").json()
    described = document["paths"]["/ingest"]["post"]
    assert [each["name"] for each in described["parameters"]] == ["Idempotency-Key"]
    examples = described["requestBody"]["content"]["application/json"]["examples"]
    assert all(each["value"]["samples"] for each in examples.values())
    assert "202" in described["responses"]
    assert "identity" in document["components"]["schemas"]["IngestForm"]["properties"]
