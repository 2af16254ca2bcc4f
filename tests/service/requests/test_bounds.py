"""What the service does at its bounds: body size, body time, requests held, unforeseen errors."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from service.running import Running
from tests.service.problem_checks import assert_problem
from tests.service.serving import running_service
from tests.service.vehicles import SIZE, triplet
from vreid.bundle import Bundle

LIMIT = 20_000


@pytest.fixture
def bounded(calibrated_bundle: Bundle, tmp_path: Path) -> Iterator[tuple[httpx.Client, Running]]:
    """A service with narrow bounds."""
    with running_service(
        calibrated_bundle.path,
        tmp_path / "gallery",
        limits={"request_bytes": LIMIT},
        body_timeout=0.3,
        pending=2,
    ) as served:
        yield served


def test_a_body_that_says_it_is_too_large_is_refused(
    bounded: tuple[httpx.Client, Running],
) -> None:
    client, _ = bounded
    response = client.post("/search", files={"rgb": b"x" * (LIMIT + 1)})
    assert str(LIMIT) in assert_problem(response, 413, "body-too-large")["detail"]


def test_a_body_that_grows_too_large_is_refused(bounded: tuple[httpx.Client, Running]) -> None:
    client, _ = bounded

    def chunks() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 1000

    headers = {"content-type": "application/json"}
    assert_problem(client.post("/search", content=chunks(), headers=headers), 413, "body-too-large")


def test_a_body_far_too_large_does_not_fill_the_memory_and_the_service_lives(
    bounded: tuple[httpx.Client, Running],
) -> None:
    client, _ = bounded
    try:
        response = client.post("/search", content=b"x" * (LIMIT * 100))
        assert response.status_code == 413
    except httpx.TransportError:
        # The service hung up on a client that went on sending; that is allowed.
        pass
    assert client.get("/health/ready").status_code == 200


def test_a_body_that_does_not_come_is_given_up(bounded: tuple[httpx.Client, Running]) -> None:
    client, running = bounded
    with raw_connection(client) as connection:
        connection.sendall(
            b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body-too-slow" in answer
    assert running.reception.held == 0


def test_past_the_bound_the_answer_is_at_once_and_says_when_to_come_back(
    bounded: tuple[httpx.Client, Running],
) -> None:
    client, running = bounded
    with running.admission.admit(), running.admission.admit():
        response = client.post("/search", files=triplet(1))
        assert_problem(response, 429, "overloaded")
        assert int(response.headers["retry-after"]) >= 1
    assert client.post("/search", files=triplet(1)).status_code == 200


def test_concurrent_searches_all_get_the_same_answer(
    service: tuple[httpx.Client, Running],
) -> None:
    client, _ = service
    for identity in range(4):
        client.post("/gallery", files=triplet(identity), data={"id": str(identity)})
    expected = client.post("/search", files=triplet(2)).json()

    async def search_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as concurrent:
            return await asyncio.gather(
                *(concurrent.post("/search", files=triplet(2)) for _ in range(16))
            )

    assert all(response.json() == expected for response in asyncio.run(search_all()))


def test_an_unforeseen_error_is_a_problem_without_a_trace(
    service: tuple[httpx.Client, Running], caplog: pytest.LogCaptureFixture
) -> None:
    client, running = service
    # Taking the workers away is an error that no table foresees.
    object.__setattr__(running, "workers", None)
    response = client.post("/search", files=triplet(1))
    body = assert_problem(response, 500, "unexpected")
    assert "NoneType" not in response.text
    assert body["request_id"] in caplog.text


def test_a_client_that_hangs_up_leaves_nothing_behind(
    bounded: tuple[httpx.Client, Running],
) -> None:
    client, running = bounded
    with raw_connection(client) as connection:
        connection.sendall(
            b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
    for _ in range(100):
        if running.reception.held == 0:
            break
        threading.Event().wait(0.01)
    assert running.reception.held == 0
    assert client.get("/health/ready").status_code == 200


def test_slow_bodies_keep_nobody_else_from_searching(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with (
        running_service(calibrated_bundle.path, tmp_path / "gallery", pending=2, receiving=4) as (
            client,
            running,
        ),
        ExitStack() as connections,
    ):
        for _ in range(3):
            connection = connections.enter_context(raw_connection(client))
            connection.sendall(
                b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
        wait_for(lambda: running.reception.held == 3)
        assert client.post("/search", files=triplet(1)).status_code == 200
        with running.reception.body():
            assert_problem(client.post("/search", files=triplet(1)), 429, "overloaded")


def test_bodies_hold_no_more_bytes_together_than_allowed(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with running_service(calibrated_bundle.path, tmp_path / "gallery", receiving_bytes=100_000) as (
        client,
        running,
    ):
        with running.reception.body() as claim:
            claim(99_000)
            assert_problem(client.post("/search", files=triplet(1)), 429, "overloaded")
        assert running.reception.held_bytes == 0
        assert client.post("/search", files=triplet(1)).status_code == 200


def test_images_that_declare_too_many_pixels_together_are_refused_before_decoding(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    limits = {"image_pixels": 2000, "request_pixels": 2 * SIZE[0] * SIZE[1]}
    # Cut off behind the header: decoding any of them would be another problem.
    cut = {name: data[: len(data) // 2] for name, data in triplet(1).items()}
    with running_service(calibrated_bundle.path, tmp_path / "gallery", limits=limits) as (
        client,
        _,
    ):
        body = assert_problem(client.post("/search", files=cut), 413, "too-many-pixels")
        assert "fewer samples" in body["detail"]
        del cut["tir"]
        assert_problem(client.post("/search", files=cut), 422, "undecodable-image")


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("the condition did not come true")


def raw_connection(client: httpx.Client) -> socket.socket:
    address = urlsplit(str(client.base_url))
    assert address.hostname is not None
    connection = socket.create_connection((address.hostname, address.port), timeout=5)
    connection.settimeout(5)
    return connection
