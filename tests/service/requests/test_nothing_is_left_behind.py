"""What a request held goes with its answer, and what a client left goes at once."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.batching.backlog import Expected
from service.batching.submission import QueuedImage, Submission
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from service.embedding.preparation import Preparation, PreparedImage
from service.requests.passage import Passage
from service.running import Running
from tests.service.held_engine import PATIENCE, Asking, held_lanes, wait_for
from tests.service.requests.test_bounds import raw_connection
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

KINDS = (Passage, Submission, QueuedImage, Ticket, Preparation, PreparedImage, Expected)


@pytest.fixture
def one_lane(calibrated_bundle: Bundle, tmp_path: Path) -> Iterator[tuple[httpx.Client, Running]]:
    with running_service(
        calibrated_bundle.path, tmp_path / "gallery", lanes=1, threads=1, workers=1
    ) as (client, running):
        assert client.post("/embed", files=triplet(0)).status_code == 200
        yield client, running


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def left_behind() -> list[object]:
    # By their type: isinstance would ask proxies of other libraries, of which some warn.
    return [type(each) for each in gc.get_objects() if type(each) in KINDS]


def test_answered_requests_leave_nothing_for_the_collector(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, _ = one_lane
    with without_collector():
        for path in ("/embed", "/search"):
            assert client.post(path, files=triplet(1)).status_code == 200
        assert client.post("/gallery", files=triplet(1)).status_code == 201
        assert client.post("/search", json={"id": "absent"}).status_code == 404
        assert client.post("/embed", files={"rgb": b"no picture"}).status_code == 422
        wait_for(lambda: left_behind() == [])


def test_requests_that_are_late_or_left_leave_nothing_for_the_collector(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    patient = {"X-Deadline-Ms": "600000"}
    with without_collector():
        with held_lanes(running) as held:
            first = Asking(client, "/embed", patient, files=triplet(1))
            wait_for(lambda: held.images == 1)
            with raw_connection(client) as connection:
                connection.sendall(raw_request(client))
                wait_for(lambda: running.batcher.queued == 5)
            wait_for(lambda: running.batcher.queued == 2)
            held.let_go()
            assert first.answer().status_code == 200
        wait_for(lambda: left_behind() == [])


def raw_request(client: httpx.Client) -> bytes:
    patient = {"X-Deadline-Ms": "600000"}
    request = client.build_request("POST", "/embed", files=triplet(1), headers=patient)
    body = request.read()
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST /embed HTTP/1.1\r\n{lines}\r\n".encode() + body


def test_what_a_client_left_before_it_was_read_is_held_by_nobody(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    go_on = threading.Event()
    try:
        running.workers.decoding.hand_over(lambda: waited(go_on))
        wait_for(lambda: running.workers.decoding.waiting == 0)
        with raw_connection(client) as connection:
            connection.sendall(raw_request(client))
            wait_for(lambda: running.workers.decoding.waiting == 1)
            wait_for(lambda: running.backlog.seconds(Urgency.SEARCH) > 0)
        wait_for(lambda: running.reception.held == 0)
        # The thread has not got to it; its turn will find nothing.
        assert running.workers.decoding.waiting == 1
        assert running.backlog.seconds(Urgency.SEARCH) == 0
        [passage] = [each for each in gc.get_objects() if type(each) is Passage]
        # The body lies in what reads it.
        held = [each for each in gc.get_referents(passage.__dict__) if callable(each)]
        assert not any("read" in repr(each) for each in held)
    finally:
        go_on.set()
    wait_for(lambda: running.workers.decoding.waiting == 0)
    assert client.post("/embed", files=triplet(2)).status_code == 200


def test_what_needs_no_decoding_waits_behind_none(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    go_on = threading.Event()
    try:
        running.workers.decoding.hand_over(lambda: waited(go_on))
        wait_for(lambda: running.workers.decoding.waiting == 0)
        assert client.post("/search", json={"id": "absent"}).status_code == 404
    finally:
        go_on.set()


def waited(event: threading.Event) -> None:
    assert event.wait(PATIENCE)
