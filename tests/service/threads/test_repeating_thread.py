"""A thread that does one thing again and again."""

import logging
import threading
import time
from pathlib import Path

import pytest

from service.errors import GalleryClosed, GalleryUnwritable
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


def test_a_lasting_failure_is_logged_once_and_the_next_call_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    called = threading.Semaphore(0)

    def fails() -> None:
        called.release()
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        thread = RepeatingThread("test-fails", fails, 0.001)
        for _ in range(3):
            assert called.acquire(timeout=PATIENCE)
        thread.close()
    told = [record.getMessage() for record in caplog.records]
    assert told == ["the thread test-fails failed and goes on"]


def test_an_error_is_logged_once_and_the_work_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors: list[Exception | None] = [
        GalleryUnwritable("the disk is full"),
        GalleryUnwritable("the disk is full"),
        ZeroDivisionError("an error in the program"),
        None,
        GalleryUnwritable("the disk is full"),
    ]
    done = threading.Event()

    def work() -> bool:
        if not errors:
            done.set()
            return False
        error = errors.pop(0)
        if error is not None:
            raise error
        return True

    with caplog.at_level(logging.WARNING):
        thread = RepeatingThread("test", work, 0.001, "It failed")
        assert done.wait(PATIENCE)
        thread.close()
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "It failed: the disk is full",
        "It failed",
        "It failed: the disk is full",
    ]


def test_work_that_is_left_is_done_at_once() -> None:
    left = [1, 2, 3]
    done = threading.Event()

    def work() -> bool:
        left.pop()
        if not left:
            done.set()
        return bool(left)

    started = threading.Event()

    def first() -> bool:
        started.set()
        return work()

    # Each further interval would take longer than anybody waits.
    thread = RepeatingThread("test", first, 0.001, "It failed")
    assert started.wait(PATIENCE)
    assert done.wait(PATIENCE)
    thread.close()


def test_what_it_is_told_to_end_with_ends_it() -> None:
    def work() -> bool:
        raise GalleryClosed("closed")

    thread = RepeatingThread("test", work, 0.001, "It failed", GalleryClosed)
    thread._thread.join(PATIENCE)
    assert not thread._thread.is_alive()
    thread.close()


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


def test_the_first_call_may_come_sooner_than_the_next() -> None:
    called = threading.Semaphore(0)
    thread = RepeatingThread("test-first", lambda: called.release(), 3600, first=0.001)
    assert called.acquire(timeout=PATIENCE)
    thread.close()


def test_a_call_that_does_not_end_in_time_is_left() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hangs() -> None:
        begun.set()
        go_on.wait(PATIENCE)

    thread = RepeatingThread("test-hangs", hangs, 0.001)
    assert begun.wait(PATIENCE)
    thread.close(0.01)
    assert "test-hangs" in [each.name for each in threading.enumerate()]
    go_on.set()
    thread.close()
