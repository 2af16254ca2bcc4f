"""Requests that wait for a lane: who is refused, dropped, goes first, and is finished."""

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.batching.urgency import Urgency
from service.running import Running
from tests.service.held_engine import PATIENCE, Asking, held_lanes, wait_for
from tests.service.problem_checks import assert_problem
from tests.service.requests.test_bounds import raw_connection
from tests.service.serving import running_service
from tests.service.vehicles import picture, triplet
from vreid.bundle import Bundle
from vreid.modality import MODALITIES

PATIENT = {"X-Deadline-Ms": "600000"}
IMAGES = 3
"""Of one request."""


@pytest.fixture
def one_lane(calibrated_bundle: Bundle, tmp_path: Path) -> Iterator[tuple[httpx.Client, Running]]:
    """A service that computes one image at a time, and has measured how long that takes."""
    with running_service(
        calibrated_bundle.path, tmp_path / "gallery", lanes=1, threads=1, workers=2
    ) as (client, running):
        assert client.post("/embed", files=triplet(0)).status_code == 200
        yield client, running


def metric(client: httpx.Client, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def asking(client: httpx.Client, path: str = "/embed", identity: int = 1) -> Asking:
    return Asking(client, path, PATIENT, files=triplet(identity))


def make_slow(running: Running) -> None:
    """Have the service believe that images take seconds."""
    # One slow image is not believed.
    for modality in MODALITIES * 50:
        running.batcher.costs.add(modality, 1, 20.0)


def documents(count: int) -> dict[str, object]:
    encoded = base64.b64encode(picture(1)).decode()
    return {"samples": [{"rgb": encoded}] * count}


def raw_request(client: httpx.Client, path: str = "/embed") -> bytes:
    request = client.build_request("POST", path, files=triplet(1), headers=PATIENT)
    body = request.read()
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def test_what_cannot_be_in_time_is_refused_at_once_and_told_when_to_come_back(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        first = asking(client)
        wait_for(lambda: held.images == 1)
        make_slow(running)
        # The lane is held, so that an answer shows that nobody waited for it.
        refused = client.post("/embed", files=triplet(1), headers={"X-Deadline-Ms": "1000"})
        body = assert_problem(refused, 429, "overloaded")
        assert "deadline" in body["detail"]
        assert int(refused.headers["retry-after"]) > 1
        assert metric(client, "vreid_refused_total", reason="deadline") == 1
        held.let_go()
        assert first.answer().status_code == 200


def test_a_request_is_refused_before_its_body_has_come(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        first = asking(client)
        wait_for(lambda: held.images == 1)
        make_slow(running)
        with raw_connection(client) as connection:
            connection.sendall(
                b"POST /embed HTTP/1.1\r\nHost: localhost\r\nX-Deadline-Ms: 1000\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 50000\r\n\r\n"
            )
            assert connection.recv(4096).startswith(b"HTTP/1.1 429")
        held.let_go()
        assert first.answer().status_code == 200


def test_a_service_with_nothing_to_do_takes_what_has_hardly_any_time(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, _ = one_lane
    answer = client.post("/embed", files=triplet(1), headers={"X-Deadline-Ms": "1"})
    assert answer.status_code == 200


@pytest.mark.parametrize("given", ["0", "-5", "soon", "1.5", "9" * 30, ""])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(
    client: httpx.Client, given: str
) -> None:
    answer = client.post("/embed", files=triplet(1), headers={"X-Deadline-Ms": given})
    body = assert_problem(answer, 422, "invalid-request")
    assert body["errors"][0]["field"] == "X-Deadline-Ms"


def test_the_setting_counts_where_a_request_names_no_deadline(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        first = asking(client)
        wait_for(lambda: held.images == 1)
        make_slow(running)
        assert_problem(client.post("/embed", files=triplet(1)), 429, "overloaded")
        second = asking(client)
        wait_for(lambda: running.batcher.queued == 2 * IMAGES - 1)
        held.let_go()
        assert first.answer().status_code == second.answer().status_code == 200


def test_what_waits_past_its_deadline_is_answered_without_being_computed(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        first = asking(client)
        wait_for(lambda: held.images == 1)
        late = asking(client)
        wait_for(lambda: running.batcher.queued == 2 * IMAGES - 1)
        for submission in running.batcher.submissions():
            submission.ticket.deadline = time.monotonic() - 1
        held.let_go()
        assert_problem(late.answer(), 504, "deadline-passed")
        assert first.answer().status_code == 200
        assert held.images == IMAGES
    assert metric(client, "vreid_dropped_total", reason="deadline") == 1


def test_a_client_that_has_gone_gets_nothing_computed(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        first = asking(client)
        wait_for(lambda: held.images == 1)
        with raw_connection(client) as connection:
            connection.sendall(raw_request(client))
            wait_for(lambda: running.batcher.queued == 2 * IMAGES - 1)
        wait_for(lambda: running.batcher.queued == IMAGES - 1)
        wait_for(lambda: running.admission.held == 1)
        held.let_go()
        assert first.answer().status_code == 200
        assert held.images == IMAGES
    assert metric(client, "vreid_dropped_total", reason="client-gone") == 1
    assert client.post("/embed", files=triplet(2)).status_code == 200


def test_a_search_overtakes_several_sightings_that_came_before(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    sightings = 6
    with held_lanes(running) as held:
        first = asking(client)
        wait_for(lambda: held.images == 1)
        batch = Asking(client, "/gallery", PATIENT, document=documents(sightings))
        wait_for(lambda: running.batcher.queued == IMAGES - 1 + sightings)
        search = asking(client, "/search")
        wait_for(lambda: running.batcher.queued == 2 * IMAGES - 1 + sightings)
        for _ in range(2 * IMAGES):
            held.let_one_go()
        assert first.answer().status_code == 200
        assert search.answer().status_code == 200
        assert not batch.is_answered
        held.let_go()
        assert batch.answer().status_code == 201


def test_many_samples_give_way_to_a_search_while_they_are_decoded(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with (
        running_service(
            calibrated_bundle.path, tmp_path / "gallery", lanes=1, threads=1, workers=1
        ) as (client, running),
        held_lanes(running) as held,
    ):
        decode = threading.Event()
        running.workers.decoding.hand_over(lambda: waited(decode))
        wait_for(lambda: running.workers.decoding.waiting == 0)
        batch = Asking(client, "/gallery", PATIENT, document=documents(6))
        wait_for(lambda: running.workers.decoding.waiting == 1)
        search = asking(client, "/search")
        wait_for(lambda: running.workers.decoding.waiting == 2)
        decode.set()
        wait_for(lambda: held.images + running.batcher.queued == IMAGES + 6)
        by_arrival = sorted(running.batcher.submissions(), key=lambda each: each.submitted)
        assert [each.ticket.urgency for each in by_arrival] == [Urgency.SEARCH, Urgency.INGEST]
        held.let_go()
        assert search.answer().status_code == 200
        assert batch.answer().status_code == 201


def waited(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


def test_requests_that_wait_hold_no_threads(one_lane: tuple[httpx.Client, Running]) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        waiting = [asking(client, identity=number) for number in range(12)]
        wait_for(lambda: running.batcher.queued == 12 * IMAGES - 1)
        # More wait than there are threads; what needs no lane is answered all the same.
        assert client.post("/search", json={"id": "absent"}).status_code == 404
        held.let_go()
        answers = [each.answer() for each in waiting]
    assert [answer.status_code for answer in answers] == [200] * 12
    alone = [client.post("/embed", files=triplet(number)).json() for number in range(12)]
    assert [answer.json() for answer in answers] == alone


def test_images_without_room_in_the_queue_are_refused(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with running_service(
        calibrated_bundle.path,
        tmp_path / "gallery",
        lanes=1,
        threads=1,
        batching={"queue": IMAGES},
    ) as (client, running):
        with held_lanes(running) as held:
            first = asking(client)
            wait_for(lambda: running.batcher.queued == IMAGES - 1)
            refused = client.post("/embed", files=triplet(1), headers=PATIENT)
            assert "images wait" in assert_problem(refused, 429, "overloaded")["detail"]
            assert metric(client, "vreid_refused_total", reason="queue") == 1
            held.let_go()
            assert first.answer().status_code == 200
        # More than the queue's bound at once, but nobody else waits.
        assert client.post("/embed", json=documents(IMAGES + 5)).status_code == 200


def test_a_service_that_drains_finishes_what_it_has_and_takes_nothing_new(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        first = asking(client)
        wait_for(lambda: held.images == 1)
        running.draining.begin()
        refused = client.post("/embed", files=triplet(1))
        assert_problem(refused, 503, "shutting-down")
        assert refused.headers["connection"] == "close"
        assert refused.headers["retry-after"]
        assert_problem(client.get("/health/ready"), 503, "not-ready")
        assert client.get("/health/live").status_code == 200
        assert metric(client, "vreid_refused_total", reason="draining") == 1
        held.let_go()
        assert first.answer().status_code == 200


class Fault(BaseException):
    """What nothing foresees."""


def test_a_lane_that_ended_by_a_fault_makes_the_service_not_ready(
    one_lane: tuple[httpx.Client, Running], caplog: pytest.LogCaptureFixture
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        held.fault = Fault()
        held.let_go()
        assert_problem(client.post("/embed", files=triplet(1)), 503, "not-ready")
    assert "lanes" in assert_problem(client.get("/health/ready"), 503, "not-ready")["detail"]
    # With no lane left, only a new start helps.
    assert client.get("/health/live").status_code == 503
    assert "A lane ended by a fault" in caplog.text


def test_the_metrics_count_what_was_done(service: tuple[httpx.Client, Running]) -> None:
    client, _ = service
    assert client.post("/embed", files=triplet(1)).status_code == 200
    assert client.post("/gallery", files=triplet(1), data={"id": "a"}).status_code == 201
    assert client.get("/gallery/a").status_code == 200
    assert client.get("/gallery/b").status_code == 404
    assert client.get("/nothing/here").status_code == 404
    for branch in ("rgb", "nir", "tir"):
        assert metric(client, "vreid_batch_images_sum", branch=branch) == 2
        assert metric(client, "vreid_queue_seconds_count", branch=branch, urgency="search") == 2
        assert metric(client, "vreid_inference_seconds_count", branch=branch) >= 1
        assert metric(client, "vreid_queued_images", branch=branch) == 0
    for stage in ("read", "decode", "queue", "inference", "search", "encode"):
        assert metric(client, "vreid_stage_seconds_count", stage=stage) == 2
    requests = "vreid_requests_total"
    assert metric(client, requests, route="/embed", status="200") == 1
    assert metric(client, requests, route="/gallery", status="201") == 1
    assert metric(client, requests, route="/gallery/{id}", status="200") == 1
    assert metric(client, requests, route="/gallery/{id}", status="404") == 1
    assert metric(client, requests, route="other", status="404") == 1
    assert metric(client, "vreid_request_seconds_count", route="/embed") == 1
    facts = client.get("/info").json()["engine"]
    labels = {name: str(facts[name]) for name in ("precision", "threads", "lanes")}
    assert metric(client, "vreid_engine_info", engine=facts["name"], **labels) == 1
