"""Work in the background outlives its errors."""

import logging
import threading

import pytest

from service.errors import GalleryClosed, GalleryUnwritable
from service.gallery.repeating import RepeatingThread

PATIENCE = 30.0


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
        thread = RepeatingThread("test", 0.001, work, "It failed")
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
    thread = RepeatingThread("test", 0.001, first, "It failed")
    assert started.wait(PATIENCE)
    assert done.wait(PATIENCE)
    thread.close()


def test_a_closed_gallery_ends_it() -> None:
    def work() -> bool:
        raise GalleryClosed("closed")

    thread = RepeatingThread("test", 0.001, work, "It failed")
    thread._thread.join(PATIENCE)
    assert not thread._thread.is_alive()
    thread.close()
