"""The bounds of connections, by a clock that moves when told."""

from dataclasses import dataclass

import pytest

from service.http.connection_settings import ConnectionSettings
from service.http.connections import Connections


@dataclass(eq=False)
class Connected:
    """What a connection tells and is told."""

    unsent: int = 0
    is_closing: bool = False
    is_aborted: bool = False

    def abort(self) -> None:
        self.is_aborted = True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connections(clock: Clock) -> Connections:
    return Connections(ConnectionSettings(most=8, head_timeout=10, write_timeout=30), clock)


def pass_to(moment: int, connections: Connections, clock: Clock) -> None:
    """Let time pass up to a moment, with a sweep each second."""
    while clock.now < moment:
        clock.now += 1
        connections.sweep()


def opened(connections: Connections, count: int) -> list[Connected]:
    found = [Connected() for _ in range(count)]
    for each in found:
        assert connections.opened(each)
    return found


def test_one_too_many_takes_the_place_of_the_one_that_waits_the_longest(
    connections: Connections,
) -> None:
    first, second, *_ = opened(connections, 8)
    connections.asks(first)
    opened(connections, 1)
    assert (first.is_aborted, second.is_aborted) == (False, True)
    assert len(connections) == 8


def test_whose_request_is_being_answered_is_never_sent_away(connections: Connections) -> None:
    for each in opened(connections, 8):
        connections.asks(each)
    assert not connections.opened(Connected())
    assert len(connections) == 8


def test_who_has_been_answered_waits_anew(connections: Connections, clock: Clock) -> None:
    early, late = opened(connections, 2)
    connections.asks(early)
    pass_to(9, connections, clock)
    connections.waits(early)
    pass_to(11, connections, clock)
    assert (early.is_aborted, late.is_aborted) == (False, True)
    pass_to(20, connections, clock)
    assert early.is_aborted
    assert len(connections) == 0


def test_who_takes_nothing_of_the_answer_is_sent_away(
    connections: Connections, clock: Clock
) -> None:
    stalled, slow, gone = opened(connections, 3)
    for each in (stalled, slow, gone):
        connections.asks(each)
        each.unsent = 10**6
    for second in range(10, 100, 10):
        slow.unsent -= 10_000
        if second == 10:
            connections.closed(gone)
        pass_to(second, connections, clock)
    assert (stalled.is_aborted, slow.is_aborted) == (True, False)
    assert len(connections) == 1
    assert not gone.is_aborted


def test_who_still_takes_the_last_answer_is_judged_by_that_alone(
    connections: Connections, clock: Clock
) -> None:
    stalled, slow = opened(connections, 2)
    for each in (stalled, slow):
        connections.asks(each)
        each.unsent = 10**6
        connections.waits(each)
    for second in range(1, 101):
        slow.unsent -= 1_000
        pass_to(second, connections, clock)
        assert stalled.is_aborted == (second > 30)
    assert not slow.is_aborted
    slow.unsent = 0
    pass_to(120, connections, clock)
    assert slow.is_aborted


def test_who_still_takes_the_last_answer_gives_no_place_to_others(
    connections: Connections,
) -> None:
    taking, silent, *others = opened(connections, 8)
    connections.asks(taking)
    taking.unsent = 10**6
    connections.waits(taking)
    for each in (taking, *others):
        each.unsent = 10**6
    opened(connections, 1)
    assert (taking.is_aborted, silent.is_aborted) == (False, True)


def test_where_all_take_answers_there_is_no_room(connections: Connections) -> None:
    taking = opened(connections, 8)
    for each in taking:
        each.unsent = 1
    assert not connections.opened(Connected())
    assert not any(each.is_aborted for each in taking)


def test_after_its_handshake_a_connection_counts_once_and_waits_anew(
    connections: Connections, clock: Clock
) -> None:
    early, late = opened(connections, 2)
    pass_to(9, connections, clock)
    assert connections.opened(early)
    assert len(connections) == 2
    pass_to(11, connections, clock)
    assert (early.is_aborted, late.is_aborted) == (False, True)


def test_who_never_says_goodbye_is_ended_when_all_is_sent(
    connections: Connections, clock: Clock
) -> None:
    (leaving,) = opened(connections, 1)
    leaving.is_closing = True
    leaving.unsent = 10**6
    for second in range(1, 6):
        leaving.unsent -= 10_000
        pass_to(second, connections, clock)
    assert not leaving.is_aborted
    leaving.unsent = 0
    pass_to(8, connections, clock)
    assert leaving.is_aborted


def test_time_in_which_the_service_did_not_listen_is_held_against_nobody(
    connections: Connections, clock: Clock
) -> None:
    (waiting,) = opened(connections, 1)
    pass_to(5, connections, clock)
    clock.now = 100
    connections.sweep()
    assert not waiting.is_aborted
    pass_to(110, connections, clock)
    assert waiting.is_aborted
