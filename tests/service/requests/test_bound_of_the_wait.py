"""A deadline bounds the wait for others, and never what the request itself takes."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.embedding.preparation import Preparation
from service.running import Running
from tests.service.held_engine import Asking, held_lanes, wait_for
from tests.service.problem_checks import assert_problem
from tests.service.requests.test_bounds import raw_connection
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

SHORT = 0.05
"""Seconds of a deadline that a slow upload or decoding outlasts."""

LONGEST = 1.0
"""Seconds that a deadline may say."""


@pytest.fixture
def one_lane(calibrated_bundle: Bundle, tmp_path: Path) -> Iterator[tuple[httpx.Client, Running]]:
    with running_service(
        calibrated_bundle.path,
        tmp_path / "gallery",
        lanes=1,
        threads=1,
        workers=1,
        longest_deadline=LONGEST,
    ) as (client, running):
        assert client.post("/embed", files=triplet(0)).status_code == 200
        yield client, running


def head_and_body(client: httpx.Client, milliseconds: float) -> tuple[bytes, bytes]:
    deadline = {"X-Deadline-Ms": f"{milliseconds:.0f}"}
    request = client.build_request("POST", "/embed", files=triplet(1), headers=deadline)
    body = request.read()
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST /embed HTTP/1.1\r\n{lines}\r\n".encode(), body


def status_of(connection: socket.socket) -> bytes:
    return connection.recv(65536).split(b" ")[1]


def test_a_body_that_comes_slowly_does_not_use_up_the_deadline(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    head, body = head_and_body(client, 1000 * SHORT)
    with raw_connection(client) as connection:
        connection.sendall(head + body[:10])
        wait_for(lambda: running.reception.held == 1)
        time.sleep(2 * SHORT)
        connection.sendall(body[10:])
        assert status_of(connection) == b"200"


def test_a_slow_upload_is_not_part_of_retry_after(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    head, body = head_and_body(client, 1000 * SHORT)
    with raw_connection(client) as connection:
        connection.sendall(head + body[:10])
        wait_for(lambda: running.reception.held_bytes == 10)
        # Longer than the deadline and the second that Retry-After has at least.
        time.sleep(1.2)
        with held_lanes(running) as held:
            first = Asking(client, "/embed", {}, files=triplet(2))
            wait_for(lambda: held.images == 1)
            connection.sendall(body[10:])
            answer = connection.recv(65536)
            held.let_go()
            first.answer()
    if answer.split(b" ")[1] == b"429":
        assert b"retry-after: 1\r\n" in answer.lower()


def test_decoding_that_takes_longer_than_the_deadline_does_not_use_it_up(
    one_lane: tuple[httpx.Client, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = one_lane
    decode = Preparation.next_sample

    def decode_slowly(preparation: Preparation) -> None:
        time.sleep(4 * SHORT)
        decode(preparation)

    monkeypatch.setattr(Preparation, "next_sample", decode_slowly)
    deadline = {"X-Deadline-Ms": f"{1000 * SHORT:.0f}"}
    for _ in range(3):
        assert client.post("/embed", files=triplet(1), headers=deadline).status_code == 200


def test_who_is_too_late_is_told_while_the_lane_is_still_at_work(
    one_lane: tuple[httpx.Client, Running],
) -> None:
    client, running = one_lane
    with held_lanes(running) as held:
        first = Asking(client, "/embed", {}, files=triplet(1))
        wait_for(lambda: held.images == 1)
        # Longer than the service lets a deadline be, which is why this does not wait for a minute.
        late = client.post("/embed", files=triplet(2), headers={"X-Deadline-Ms": "3600000"})
        assert_problem(late, 504, "deadline-passed")
        assert held.images == 1
        held.let_go()
        assert first.answer().status_code == 200
