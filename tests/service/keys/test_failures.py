"""Calls without a valid key are bounded, and cost nobody else anything."""

import pytest

from service.keys.errors import TooManyFailures
from service.keys.failures import BURST_OF_ALL, BURST_OF_ONE, MOST_PLACES, Failures


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(failures: Failures, place: str, count: int) -> int:
    """How many of so many calls at once are written down."""
    written = 0
    for _ in range(count):
        try:
            failures.take(place)
        except TooManyFailures:
            continue
        written += 1
    return written


def test_a_place_has_a_burst_and_then_waits() -> None:
    clock = Clock()
    failures = Failures(clock)
    assert taken(failures, "192.0.2.1", 1000) == BURST_OF_ONE
    with pytest.raises(TooManyFailures, match="answered at any time") as refused:
        failures.take("192.0.2.1")
    clock.now += refused.value.retry_after
    assert taken(failures, "192.0.2.1", 1000) == refused.value.retry_after


def test_one_place_leaves_another_its_own() -> None:
    failures = Failures(Clock())
    taken(failures, "192.0.2.1", 1000)
    assert taken(failures, "192.0.2.2", 5) == 5


def test_many_places_meet_the_bound_of_all_and_little_memory() -> None:
    failures = Failures(Clock())
    written = sum(taken(failures, f"place {number}", 1) for number in range(3 * MOST_PLACES))
    assert written == BURST_OF_ALL
    assert len(failures) == MOST_PLACES


def test_what_was_not_written_down_is_counted_in_the_next_line() -> None:
    clock = Clock()
    failures = Failures(clock)
    taken(failures, "192.0.2.1", 120)
    clock.now += 5
    assert failures.take("192.0.2.1") == 120 - BURST_OF_ONE
    assert failures.take("192.0.2.1") == 0
