"""The bounds of connections, by a clock that moves when told."""

from dataclasses import dataclass, field

import pytest

from service.http.connection_settings import ConnectionSettings
from service.http.connections import Connections


@dataclass(eq=False)
class Transport:
    """What a connection's transport tells and is told."""

    unsent: int = 0
    is_aborted: bool = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_aborted = True


@dataclass(eq=False)
class Connected:
    transport: Transport = field(default_factory=Transport)


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
    assert (first.transport.is_aborted, second.transport.is_aborted) == (False, True)
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
    assert (early.transport.is_aborted, late.transport.is_aborted) == (False, True)
    pass_to(20, connections, clock)
    assert early.transport.is_aborted
    assert len(connections) == 0


def test_who_takes_nothing_of_the_answer_is_sent_away(
    connections: Connections, clock: Clock
) -> None:
    stalled, slow, gone = opened(connections, 3)
    for each in (stalled, slow, gone):
        connections.asks(each)
        each.transport.unsent = 10**6
    for second in range(10, 100, 10):
        slow.transport.unsent -= 10_000
        if second == 10:
            connections.closed(gone)
        pass_to(second, connections, clock)
    assert (stalled.transport.is_aborted, slow.transport.is_aborted) == (True, False)
    assert len(connections) == 1
    assert not gone.transport.is_aborted


def test_time_in_which_the_service_did_not_listen_is_held_against_nobody(
    connections: Connections, clock: Clock
) -> None:
    (waiting,) = opened(connections, 1)
    pass_to(5, connections, clock)
    clock.now = 100
    connections.sweep()
    assert not waiting.transport.is_aborted
    pass_to(110, connections, clock)
    assert waiting.transport.is_aborted
