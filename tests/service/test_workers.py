import threading

import anyio
import pytest

from service.request_errors import Overloaded
from service.workers import Workers


def test_no_more_requests_are_held_than_allowed() -> None:
    workers = Workers(running=1, pending=2)
    with workers.admit(), workers.admit():
        assert workers.held == 2
        with pytest.raises(Overloaded, match="try again"), workers.admit():
            pass
    assert workers.held == 0


def test_a_failed_request_gives_its_place_back() -> None:
    workers = Workers(running=1, pending=1)
    with pytest.raises(ValueError, match="broken"), workers.admit():
        raise ValueError("broken")
    assert workers.held == 0


def test_at_most_so_many_calls_run_at_the_same_moment() -> None:
    active, most = 0, 0
    lock = threading.Lock()

    def call() -> None:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        threading.Event().wait(0.01)
        with lock:
            active -= 1

    async def run_all() -> None:
        workers = Workers(running=2, pending=100)
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(workers.run, call)

    anyio.run(run_all)
    assert most == 2


def test_the_result_and_the_error_of_a_call_come_back() -> None:
    async def run(function: object) -> object:
        workers = Workers(running=1, pending=1)
        assert callable(function)
        return await workers.run(function)

    assert anyio.run(run, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        anyio.run(run, lambda: 1 / 0)
