"""What a deadline counts: the wait for others, from the end of the body."""

import pytest

from service.batching.ticket import Ticket


def test_nothing_is_late_before_its_body_is_complete() -> None:
    ticket = Ticket(patience=1.0)
    assert not ticket.is_late(1e9)
    ticket.begin(100.0, own=0.4)
    assert not ticket.is_late(100.9)
    assert ticket.is_late(101.1)


def test_what_is_spent_on_the_request_itself_does_not_count() -> None:
    ticket = Ticket(patience=1.0)
    ticket.begin(100.0, own=0.4)
    ticket.worked_on(5.0)
    assert not ticket.is_late(105.9)
    assert ticket.is_late(106.1)


def test_a_deadline_that_a_client_states_holds_for_its_own_work_too() -> None:
    ticket = Ticket(patience=1.0, is_stated=True)
    assert ticket.left(50.0, own=0.4) == pytest.approx(0.6)
    ticket.begin(100.0, own=0.4)
    assert ticket.left(100.5, own=0.4) == pytest.approx(0.1)


def test_one_that_would_not_be_kept_even_alone_leaves_nothing_to_wait() -> None:
    assert Ticket(patience=1.0, is_stated=True).left(50.0, own=9.0) == 0


def test_one_without_patience_waits_for_ever() -> None:
    ticket = Ticket()
    ticket.begin(100.0, own=0.4)
    assert ticket.left(1e9, own=0.4) is None
    assert not ticket.is_late(1e9)


def test_what_is_settled_calls_nobody() -> None:
    called: list[str] = []
    ticket = Ticket()
    ticket.when_ended(lambda: called.append("withdrawn"), lambda: called.append("expired"))
    ticket.expire()
    ticket.settle()
    ticket.expire()
    ticket.withdraw()
    assert called == ["expired"]
    assert ticket.withdrawn
