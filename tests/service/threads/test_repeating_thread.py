"""A thread that does one thing again and again."""

import logging
import threading
import time
from pathlib import Path

import pytest

from service.threads.repeating_thread import RepeatingThread

PATIENCE = 30.0


def test_it_calls_until_it_is_closed_and_not_after() -> None:
    called = threading.Semaphore(0)
    thread = RepeatingThread("test-repeats", lambda: called.release(), 0.001)
    for _ in range(3):
        assert called.acquire(timeout=PATIENCE)
    thread.close()
    thread.close()
    assert "test-repeats" not in [each.name for each in threading.enumerate()]


def test_a_failure_is_logged_and_the_next_call_is_made(caplog: pytest.LogCaptureFixture) -> None:
    called = threading.Semaphore(0)

    def fails() -> None:
        called.release()
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        thread = RepeatingThread("test-fails", fails, 0.001)
        for _ in range(3):
            assert called.acquire(timeout=PATIENCE)
        thread.close()
    assert "test-fails failed and goes on" in caplog.text


def test_the_system_knows_it_by_name() -> None:
    thread = RepeatingThread("test-named", lambda: None, 3600)
    try:
        deadline = time.monotonic() + PATIENCE
        while "test-named" not in names():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        thread.close()


def names() -> set[str]:
    return {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}
