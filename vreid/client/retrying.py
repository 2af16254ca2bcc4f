"""One request until it is answered: which outcomes are worth another try, and when.

Nothing is sent here. `exchange` yields what to do (`Send`, `Pause`) and is told what came of it.

    outcome                                   sent again
    429 or 503 of the service                 with Retry-After, then: where the problem is one of
                                              NOTHING_DONE always, else what may be repeated
    429 because of the key                    never: another key is needed
    429, 502, 503, 504 of something between   what may be repeated
    no connection                             always: nothing was sent
    a certificate that is not accepted        never: no waiting changes it
    connection lost on the way                what may be repeated
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal

from vreid.client.answers import Answer, problem_of
from vreid.client.errors import (
    TOO_MANY_FAILURES,
    AnswerLost,
    ClientError,
    DeadlineExceeded,
    ServiceUnreachable,
)
from vreid.client.requests import Request
from vreid.errors import ConfigurationError

DEADLINE = "X-Deadline-Ms"
LONGEST_DEADLINE = 3_600_000
"""Milliseconds; the service refuses more."""

NOTHING_DONE = frozenset(
    [
        "gallery-locked",
        "ingest-full",
        "not-ready",
        "overloaded",
        "shutting-down",
        "too-many-connections",
        "too-many-requests",
    ]
)
"""Problems by which the service says that it did not carry a request out. Others with Retry-After
do not: a Milvus server that stops to answer may have stored the record already."""

_OF_THE_CLOCK = 0.005
"""Seconds by which a system's timers may end before the clock says so."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and for how long a request is sent again.

    Attributes:
        attempts: in all, the first one included; 1 is never again.
        seconds: from the first attempt on, after which no other begins.
        pause: before the second attempt where the service names no time; doubled each time.
        longest_pause: it grows to.

    Raises:
        ConfigurationError: a number is out of range.
    """

    attempts: int = 5
    seconds: float = 30.0
    pause: float = 0.2
    longest_pause: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.seconds, self.pause, self.longest_pause) < 0:
            raise ConfigurationError(
                f"{self} is out of range; give at least 1 attempt and no time below 0"
            )


@dataclass(frozen=True, slots=True)
class Options:
    """How calls are made.

    Attributes:
        timeout: seconds that one attempt waits for the service to go on.
        deadline: seconds in which a request has to be answered, with all its attempts and pauses.
            It is sent to the service, which refuses at once what it cannot answer in time. None for
            no limit.
        retry: how often and for how long requests are sent again.

    Raises:
        ConfigurationError: a time is not above 0.
    """

    timeout: float = 30.0
    deadline: float | None = None
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        for name, seconds in (("timeout", self.timeout), ("deadline", self.deadline)):
            if seconds is not None and not seconds > 0:
                raise ConfigurationError(f"{name} is {seconds} s; give a time above 0")


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request once.

    Attributes:
        request: what to send.
        headers: of the request and of this attempt.
        seconds: to wait for each step of it.
        ends: when the whole of it is to be over, on the clock of `exchange`; None for no such time.
    """

    request: Request
    headers: dict[str, str]
    seconds: float
    ends: float | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Let this many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt without a whole answer.

    Attributes:
        kind: ``unsent``: no connection came about; ``lost``: something of it was sent; ``late``:
            sent, and its time is over.
        reason: what happened, in words.
        advice: what to do where nothing was sent.
        may_pass: whether another try may go better.
    """

    kind: Literal["unsent", "lost", "late"]
    reason: str
    advice: str = "check the address and that the service runs"
    may_pass: bool = True


@dataclass(frozen=True, slots=True)
class Exchanged:
    """An answer, and whether an attempt before it may have been carried out unseen."""

    answer: Answer
    follows_lost: bool


Exchange = Generator[Send | Pause, Any, Exchanged]
"""Is sent an `Answer` or a `Failure` for each `Send`."""


def exchange(
    request: Request,
    options: Options,
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> Exchange:
    """Send a request until it is answered, or another try is of no use or not allowed.

    Args:
        request: to send.
        options: how.
        clock: seconds that only grow.
        chance: numbers from 0 to 1, so that clients do not come back all at once.

    Raises:
        ServiceUnreachable: no connection came about.
        AnswerLost: it broke off, and the request is not to be repeated or was often enough.
        DeadlineExceeded: the deadline is over.
    """
    begun = clock()
    follows_lost = False
    attempt = 0
    while True:
        attempt += 1
        outcome: Answer | Failure = yield _attempt(request, options, begun, clock())
        delay = _delay_before_next(request, outcome, attempt, options.retry, chance())
        spent = clock() - begun
        if delay is None or not _fits(spent + delay, attempt, options):
            break
        follows_lost |= _may_be_done(outcome)
        yield Pause(delay)
    if isinstance(outcome, Failure):
        # The clock decides, whatever the last attempt was doing when its time was over.
        is_over = options.deadline is not None and spent >= options.deadline - _OF_THE_CLOCK
        raise _error_of(outcome, request, options.deadline if is_over else None)
    return Exchanged(outcome, follows_lost)


def _may_be_done(outcome: Answer | Failure) -> bool:
    """Whether a request that ended so may have been carried out."""
    if isinstance(outcome, Failure):
        return outcome.kind != "unsent"
    problem = problem_of(outcome)
    return problem is None or not problem.is_own or problem.slug not in NOTHING_DONE


def _attempt(request: Request, options: Options, begun: float, now: float) -> Send:
    deadline = options.deadline
    left = None if deadline is None else max(0.001, begun + deadline - now)
    headers = dict(request.headers)
    told = request.seconds if left is None else left
    if told is not None:
        headers[DEADLINE] = str(min(LONGEST_DEADLINE, max(1, round(told * 1000))))
    patience = max(options.timeout, request.seconds or 0)
    if left is None:
        return Send(request, headers, patience)
    return Send(request, headers, min(patience, left), now + left)


def _fits(seconds: float, attempt: int, options: Options) -> bool:
    limit = options.retry.seconds
    if options.deadline is not None:
        limit = min(limit, options.deadline)
    return attempt < options.retry.attempts and seconds < limit


def _delay_before_next(
    request: Request, outcome: Answer | Failure, attempt: int, retry: Retry, chance: float
) -> float | None:
    """Seconds until the request is sent again, None where it is not."""
    if request.is_probe:
        return None
    pause = min(retry.longest_pause, retry.pause * 2.0 ** (attempt - 1)) * (0.5 + chance / 2)
    if isinstance(outcome, Failure):
        is_safe = outcome.kind == "unsent" or request.repeatable
        return pause if outcome.may_pass and is_safe else None
    problem = problem_of(outcome)
    if problem is None or problem.status not in (429, 502, 503, 504):
        return None
    if problem.is_own:
        if problem.slug == TOO_MANY_FAILURES:
            return None
        if problem.retry_after is None or problem.status not in (429, 503):
            return None
        if problem.slug not in NOTHING_DONE and not request.repeatable:
            return None
    elif not request.repeatable:
        return None
    if problem.retry_after is None:
        return pause
    # Never before the time that was named; the pause after it spreads those who were sent away.
    return problem.retry_after + pause * chance


def _error_of(failure: Failure, request: Request, deadline: float | None) -> ClientError:
    """The error of the last failure; `deadline` is what was over with it, if anything was."""
    what = f"{request.method} {request.path}"
    if deadline is not None:
        return DeadlineExceeded(
            f"{what} was not answered within {deadline:g} s ({failure.reason}); give it more time, "
            "or send less at once"
        )
    if failure.kind == "unsent":
        message = f"{what} was not sent: {failure.reason}; {failure.advice}"
        return ServiceUnreachable(message, failure.may_pass)
    advice = (
        "check that the service runs, and send it again"
        if request.repeatable
        else f"it may have been carried out: {request.before_repeating}"
    )
    return AnswerLost(f"{what} was sent and not answered: {failure.reason}; {advice}")
