"""Counting the items of a source beside the job."""

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from service.indexing.counting import ItemCount


def test_items_are_counted() -> None:
    counted = ItemCount(iter(range(7)))
    assert counted.result() == 7
    counted.stop()
    assert counted.result() == 7


def test_what_reading_raises_is_raised_to_whoever_asks() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("row 2")

    counted = ItemCount(items())
    with pytest.raises(LookupError, match="row 2"):
        counted.result()
    counted.stop()


def test_counting_can_be_stopped_at_any_time() -> None:
    counted = ItemCount(count())
    counted.stop()
    assert "count" not in {each.name for each in threading.enumerate()}
