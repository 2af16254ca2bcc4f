"""The load generator against a real server of the test."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.bench.errors import BenchError, NoAnswer
from service.bench.load import run_load
from service.bench.load_process import measure_load
from service.bench.plan import LoadPlan
from service.bench.server_process import free_port
from tests.service.bench.answering import answering

Told = tuple[int, dict[str, str]]


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, str]:
    for name in ("rgb", "tir"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    return {name: str(tmp_path / name) for name in ("rgb", "tir")}


def always(status: int, **headers: str) -> Callable[[int, bytes], Told]:
    return lambda number, body: (status, headers)


def test_a_closed_loop_sends_as_many_requests_as_it_is_told(sample: dict[str, str]) -> None:
    bodies = []

    def note(number: int, body: bytes) -> Told:
        bodies.append(body)
        return 200, {}

    with answering(note) as url:
        plan = LoadPlan(url, "/embed", [sample], concurrency=3, requests=20, warm_up=0)
        figures = measure_load(plan)
    assert len(bodies) == figures.sent == figures.ok.count == 20
    assert all(b"rgb" * 100 in body and b"tir" * 100 in body for body in bodies)
    assert figures.ok.p50_ms <= figures.ok.p99_ms <= figures.ok.max_ms
    assert figures.client_core_ms > 0


def test_a_closed_loop_goes_on_until_it_has_answers_enough(sample: dict[str, str]) -> None:
    with answering(always(200)) as url:
        plan = LoadPlan(url, "/embed", [sample], concurrency=2, seconds=0.0, warm_up=0, answers=50)
        figures = asyncio.run(run_load(plan))
    assert figures.ok.count >= 50
    assert len(figures.ok_ms) == figures.ok.count
    assert figures.per_second == pytest.approx(50 / figures.seconds)


def test_a_closed_loop_that_gets_no_answers_200_ends_after_its_longest_time(
    sample: dict[str, str],
) -> None:
    with answering(always(500)) as url:
        plan = LoadPlan(
            url,
            "/embed",
            [sample],
            concurrency=1,
            seconds=0.0,
            warm_up=0.01,
            answers=50,
            most_seconds=0.2,
        )
        figures = asyncio.run(run_load(plan))
    assert figures.seconds >= 0.2
    assert figures.ok.count == 0
    assert figures.by_status["500"].count > 0


def test_nothing_counts_until_every_connection_could_be_answered_twice(
    sample: dict[str, str],
) -> None:
    numbers = []

    def note(number: int, body: bytes) -> Told:
        numbers.append(number)
        return 200, {}

    with answering(note) as url:
        plan = LoadPlan(
            url, "/embed", [sample], concurrency=5, seconds=0.0, warm_up=1e-6, answers=20
        )
        figures = asyncio.run(run_load(plan))
    assert len(numbers) - figures.sent >= 10


def test_a_closed_loop_pauses_where_connections_are_lost(sample: dict[str, str]) -> None:
    with answering(always(0, Connection="close")) as url:
        plan = LoadPlan(url, "/embed", [sample], concurrency=1, seconds=0.3, warm_up=0)
        figures = asyncio.run(run_load(plan))
    # It waits for a twentieth of a second after each.
    assert 1 <= figures.lost <= 8


def test_a_closed_loop_has_no_more_requests_under_way_than_connections(
    sample: dict[str, str],
) -> None:
    lock, together = threading.Lock(), threading.Barrier(2)
    under_way = most = 0

    def note(number: int, body: bytes) -> Told:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        # Two answer together, so that two were surely under way.
        together.wait(30)
        with lock:
            under_way -= 1
        return 200, {}

    with answering(note) as url:
        plan = LoadPlan(url, "/embed", [sample], concurrency=2, requests=20, warm_up=0)
        assert asyncio.run(run_load(plan)).ok.count == 20
    assert most == 2


def test_an_open_loop_sends_at_its_rate_though_nothing_is_answered(sample: dict[str, str]) -> None:
    arrived = threading.Semaphore(0)
    free = threading.Event()

    def hold(number: int, body: bytes) -> Told:
        arrived.release()
        # The tenth request lets all go: a generator that waited for answers would never send it.
        if number >= 9:
            free.set()
        assert free.wait(60)
        return 200, {}

    with answering(hold) as url:
        plan = LoadPlan(url, "/embed", [sample], rate=40, seconds=0.5, warm_up=0)
        figures = asyncio.run(run_load(plan))
    assert figures.ok.count == figures.sent == 20
    # The first was due when the tenth was not yet sent.
    assert figures.ok.max_ms > 200


def test_an_open_loop_that_has_no_connection_left_counts_what_it_did_not_send(
    sample: dict[str, str],
) -> None:
    free = threading.Event()

    def hold(number: int, body: bytes) -> Told:
        assert free.wait(60)
        return 200, {}

    with answering(hold) as url:
        plan = LoadPlan(
            url, "/embed", [sample], rate=50, seconds=0.4, warm_up=0, connections=5, patience=0.2
        )
        figures = asyncio.run(run_load(plan))
        free.set()
    assert figures.unsent == 15
    assert figures.unanswered == 5
    assert figures.ok.count == 0


def test_answers_are_counted_by_status_and_by_whether_they_say_when_to_come_again(
    sample: dict[str, str],
) -> None:
    answers: list[Told] = [(200, {}), (429, {"Retry-After": "1"}), (429, {}), (413, {})]
    with answering(lambda number, body: answers[number]) as url:
        plan = LoadPlan(url, "/embed", [sample], concurrency=1, requests=4, warm_up=0)
        figures = asyncio.run(run_load(plan))
    assert {status: each.count for status, each in figures.by_status.items()} == {
        "200": 1,
        "413": 1,
        "429": 2,
    }
    assert figures.retry_after == 0.5
    assert figures.share(429) == 0.5


def test_a_server_that_hangs_up_after_each_answer_is_asked_over_new_connections(
    sample: dict[str, str],
) -> None:
    with answering(always(200, Connection="close")) as url:
        plan = LoadPlan(url, "/embed", [sample], concurrency=2, requests=10, warm_up=0)
        figures = asyncio.run(run_load(plan))
    assert (figures.ok.count, figures.lost) == (10, 0)


def test_headers_and_fields_of_the_plan_are_sent(sample: dict[str, str]) -> None:
    seen = []

    def note(number: int, body: bytes) -> Told:
        seen.append(body)
        return 200, {}

    with answering(note) as url:
        plan = LoadPlan(url, "/search", [sample], {"k": "7"}, concurrency=1, requests=1, warm_up=0)
        asyncio.run(run_load(plan))
    assert b'name="k"\r\n\r\n7\r\n' in seen[0]


def test_where_nobody_listens_the_generator_says_so(sample: dict[str, str]) -> None:
    plan = LoadPlan(f"http://127.0.0.1:{free_port()}", "/embed", [sample], concurrency=1)
    with pytest.raises(NoAnswer, match="start the service"):
        asyncio.run(run_load(plan))
    with pytest.raises(BenchError, match="start the service"):
        measure_load(plan)


def test_a_plan_is_either_closed_or_open(sample: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either"):
        LoadPlan("http://127.0.0.1:1", "/embed", [sample])
    with pytest.raises(ValueError, match="either"):
        LoadPlan("http://127.0.0.1:1", "/embed", [sample], concurrency=1, rate=1)
