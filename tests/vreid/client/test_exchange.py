"""Which outcomes are worth another try, and when, without any network."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vreid.client.answers import Answer, retry_after
from vreid.client.errors import AnswerLost, ClientError, DeadlineExceeded, ServiceUnreachable
from vreid.client.requests import Request
from vreid.client.retrying import (
    NOTHING_DONE,
    Exchanged,
    Failure,
    Options,
    Pause,
    Retry,
    Send,
    exchange,
)
from vreid.errors import ConfigurationError

ONCE = Request("POST", "/gallery", repeatable=False)
SAFE = Request("POST", "/search")
FINE = Answer(200, {}, b"{}")
LOST = Failure("lost", "it broke off")
UNSENT = Failure("unsent", "nobody listens")


def own(status: int, seconds: str | None = None, slug: str = "not-ready") -> Answer:
    headers = {"content-type": "application/problem+json"}
    headers |= {} if seconds is None else {"retry-after": seconds}
    return Answer(status, headers, json.dumps({"type": f"urn:vreid:problem:{slug}"}).encode())


def proxy(status: int) -> Answer:
    return Answer(status, {"content-type": "text/html"}, b"<html>")


class Played:
    """An exchange with given outcomes; each attempt takes `takes` seconds."""

    def __init__(
        self,
        request: Request,
        outcomes: Iterable[Answer | Failure],
        options: Options | None = None,
        takes: float = 0.0,
        chance: float = 0.5,
        is_raised: bool = True,
    ) -> None:
        self.now = 0.0
        self.begun = 0.0
        self.sent: list[Send] = []
        self.pauses: list[float] = []
        self.result: Exchanged | None = None
        steps = exchange(request, options or Options(), lambda: self.now, lambda: chance)
        remaining = iter(outcomes)
        outcome: Answer | Failure | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                self.result = end.value
                return
            except ClientError:
                if is_raised:
                    raise
                return
            outcome = None
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                self.now += step.seconds
            else:
                self.sent.append(step)
                self.begun = self.now
                self.now += takes
                outcome = next(remaining)


@pytest.mark.parametrize("request_", [ONCE, SAFE])
@pytest.mark.parametrize("status", [429, 503])
def test_the_service_s_own_refusal_is_sent_again_no_sooner_than_it_says(
    request_: Request, status: int
) -> None:
    played = Played(request_, [own(status, "3"), FINE])
    assert played.result == Exchanged(FINE, follows_lost=False)
    assert len(played.sent) == 2
    assert 3 <= played.pauses[0] < 4


@pytest.mark.parametrize("refusal", [own(503), own(504, "1"), own(500, "1"), own(422, "1")])
def test_what_no_waiting_changes_is_sent_once(refusal: Answer) -> None:
    assert len(Played(SAFE, [refusal]).sent) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_a_proxy_answers_is_sent_again_only_where_that_is_safe(status: int) -> None:
    assert len(Played(SAFE, [proxy(status), FINE]).sent) == 2
    assert len(Played(ONCE, [proxy(status)]).sent) == 1


@pytest.mark.parametrize("slug", sorted(NOTHING_DONE))
def test_a_refusal_that_did_nothing_is_sent_again_whatever_was_asked(slug: str) -> None:
    played = Played(ONCE, [own(503, "1", slug), FINE])
    assert played.result == Exchanged(FINE, follows_lost=False)


@pytest.mark.parametrize("slug", ["gallery-unavailable", "gallery-retired", "of-a-newer-service"])
def test_a_refusal_that_may_have_done_it_is_sent_again_only_where_that_is_safe(slug: str) -> None:
    refusal = own(503, "1", slug)
    assert Played(ONCE, [refusal]).result == Exchanged(refusal, follows_lost=False)
    assert Played(SAFE, [refusal, FINE]).result == Exchanged(FINE, follows_lost=True)


def test_every_problem_that_did_nothing_is_one_of_the_service() -> None:
    from service.messages.problems import KINDS, SHUTTING_DOWN, TOO_MANY_CONNECTIONS

    kinds = (*KINDS.values(), SHUTTING_DOWN, TOO_MANY_CONNECTIONS)
    retried = {kind.slug for kind in kinds if kind.retry_after is not None}
    assert retried >= NOTHING_DONE
    assert "gallery-unavailable" in retried - NOTHING_DONE


@pytest.mark.parametrize("failure", [UNSENT, LOST, Failure("late", "nothing came")])
def test_the_clock_says_whether_the_deadline_is_over(failure: Failure) -> None:
    options = Options(deadline=2, retry=Retry(attempts=1))
    with pytest.raises(DeadlineExceeded, match="2 s"):
        Played(SAFE, [failure], options, takes=2)
    with pytest.raises((ServiceUnreachable, AnswerLost)):
        Played(SAFE, [failure], options, takes=1)


def test_an_attempt_is_told_when_the_whole_has_to_be_over() -> None:
    played = Played(SAFE, [own(429, "1"), FINE], Options(deadline=3), takes=0.5)
    assert [each.ends for each in played.sent] == [3, 3]
    assert Played(SAFE, [FINE]).sent[0].ends is None


def test_what_was_not_sent_may_always_be_sent_again() -> None:
    played = Played(ONCE, [UNSENT, UNSENT, FINE])
    assert played.result == Exchanged(FINE, follows_lost=False)


def test_what_may_have_been_carried_out_is_sent_again_only_where_that_is_safe() -> None:
    assert Played(SAFE, [LOST, FINE]).result == Exchanged(FINE, follows_lost=True)
    with pytest.raises(AnswerLost, match="look before you send it again"):
        Played(ONCE, [LOST])


def test_who_is_told_that_the_key_is_wrong_asks_once() -> None:
    assert len(Played(SAFE, [own(429, "1", "too-many-failures")]).sent) == 1


def test_a_certificate_that_is_not_accepted_is_asked_for_once() -> None:
    failure = Failure("unsent", "not accepted", "give its authority", may_pass=False)
    with pytest.raises(ServiceUnreachable, match="give its authority") as caught:
        Played(SAFE, [failure])
    assert not caught.value.may_pass


def test_a_probe_is_asked_once() -> None:
    probe = Request("GET", "/health/ready", is_probe=True)
    assert len(Played(probe, [own(503, "2")]).sent) == 1
    with pytest.raises(ServiceUnreachable):
        Played(probe, [UNSENT])


def test_the_number_of_attempts_is_bounded() -> None:
    options = Options(retry=Retry(attempts=3, seconds=100))
    played = Played(SAFE, [own(503, "1")] * 3, options)
    assert len(played.sent) == 3
    assert played.result is not None
    assert played.result.answer.status == 503
    with pytest.raises(ServiceUnreachable, match="check the address"):
        Played(SAFE, [UNSENT] * 3, options)


def test_the_time_is_bounded() -> None:
    options = Options(retry=Retry(attempts=100, seconds=10))
    played = Played(SAFE, [own(503, "4")] * 100, options)
    assert len(played.sent) == 3
    assert played.now <= 10
    assert Played(SAFE, [own(503, "60")], options).pauses == []


def test_the_deadline_bounds_attempts_and_pauses_and_is_told() -> None:
    options = Options(timeout=30, deadline=2)
    played = Played(SAFE, [own(429, "1"), own(429, "1")], options, takes=0.25)
    assert len(played.sent) == 2
    told = [int(each.headers["X-Deadline-Ms"]) for each in played.sent]
    assert told[0] == 2000
    assert told[1] == pytest.approx(2000 - 1000 * (0.25 + played.pauses[0]), abs=1)
    assert [each.seconds for each in played.sent] == [2, pytest.approx(told[1] / 1000, abs=0.001)]
    with pytest.raises(DeadlineExceeded, match="2 s"):
        Played(SAFE, [Failure("late", "nothing came")], options, takes=2)


def test_without_a_deadline_the_service_decides_unless_the_call_needs_more() -> None:
    assert "X-Deadline-Ms" not in Played(SAFE, [FINE]).sent[0].headers
    batch = Request("POST", "/gallery", seconds=60)
    [sent] = Played(batch, [FINE]).sent
    assert (sent.headers["X-Deadline-Ms"], sent.seconds) == ("60000", 60)


@settings(deadline=None)
@given(
    attempts=st.integers(1, 8),
    seconds=st.floats(0, 60),
    takes=st.floats(0, 5),
    chance=st.floats(0, 1),
    outcomes=st.lists(
        st.sampled_from([own(429, "1"), own(503, "7"), proxy(502), LOST, UNSENT]),
        min_size=8,
        max_size=8,
    ),
)
def test_no_attempt_begins_after_the_time_or_beyond_the_number(
    attempts: int,
    seconds: float,
    takes: float,
    chance: float,
    outcomes: list[Answer | Failure],
) -> None:
    options = Options(retry=Retry(attempts=attempts, seconds=seconds))
    played = Played(SAFE, outcomes, options, takes, chance, is_raised=False)
    assert len(played.sent) <= attempts
    assert len(played.sent) == 1 or played.begun <= seconds + 1e-6


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("17", 17), ("Sun, 01 Mar 2026 12:00:05 GMT", 5), ("soon", None), ("", None)],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert retry_after(Answer(503, {"retry-after": text}, b""), now) == seconds


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"seconds": -1}, {"pause": -1}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="out of range"):
        Retry(**wrong)
