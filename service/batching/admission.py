"""Who is let in: by how many are held, and by how long a request would have to wait."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from service.batching.backlog import Backlog, Expected
from service.batching.ticket import Ticket
from service.request_errors import FieldProblem, InvalidRequest, Overloaded
from service.scopes.headers import header_of
from service.telemetry.metrics import Metrics

DEADLINE = "X-Deadline-Ms"
_DEADLINE = DEADLINE.lower().encode()
LONGEST_DEADLINE = 3_600_000

_CAUTION = 1.25
"""How much longer than estimated a wait is taken to be: a request that is let in and comes too late
after all was held for nothing."""

_UNSEEN = 0.5
"""The share of a stated deadline that is kept for what the estimate does not see: under overload
requests also wait to be received, and for the processors that refusing others takes."""


class Admission:
    """Places for requests, and the estimate that a request is refused by at once.

    At most `pending` requests are held, computed or waiting; of these half may write. Belongs to
    the event loop, but for `check`, which any thread may call.
    """

    def __init__(
        self,
        backlog: Backlog,
        metrics: Metrics,
        *,
        pending: int,
        deadline: float,
        longest_deadline: float,
    ) -> None:
        self._backlog = backlog
        self._metrics = metrics
        self._pending = pending
        self._pending_writes = max(1, pending // 2)
        self._deadline = deadline
        self._longest_deadline = longest_deadline
        self._held = 0
        self._held_writes = 0

    @property
    def held(self) -> int:
        """Requests let in and not yet answered."""
        return self._held

    def ticket(self, scope: Scope) -> Ticket:
        """Return what a request is to the queues; its deadline counts from the end of its body.

        Raises:
            InvalidRequest: the header with the deadline is no number of milliseconds.
        """
        given = header_of(scope, _DEADLINE)
        if given is None:
            return Ticket(patience=self._deadline)
        seconds = min(milliseconds(given) / 1000, self._longest_deadline)
        return Ticket(patience=seconds, is_stated=True)

    def check(self, ticket: Ticket, expected: Expected) -> float:
        """Refuse a request that would have to wait for longer than it may.

        Args:
            ticket: of the request.
            expected: what it is taken to bring; where it counts already, it is left out.

        Returns:
            The seconds that it will have to wait; 0 where it waits for nobody.

        Raises:
            Overloaded: saying when to come back.
        """
        ahead = self._backlog.seconds(ticket.urgency, besides=expected)
        if not ahead > 0:
            return 0.0
        left = ticket.left(time.monotonic(), self._backlog.worst_own(expected.images))
        if left is None:
            return ahead
        if ticket.is_stated:
            left -= _UNSEEN * (ticket.patience or 0.0)
        late = _CAUTION * ahead - left
        if late > 0:
            self._metrics.refused("deadline")
            raise Overloaded(
                f"it would wait about {ahead:.2g} s for those before it, longer than its "
                "deadline; try again later",
                retry_after=math.ceil(late),
            )
        return ahead

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold one request for the length of the block.

        Raises:
            Overloaded: `pending` requests are held already.
        """
        if self._held >= self._pending:
            self._metrics.refused("pending")
            raise Overloaded(
                f"{self._held} requests are being answered and no more are held at a time; "
                "try again in a second"
            )
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    @contextmanager
    def admit_write(self) -> Iterator[None]:
        """Hold one request that writes to the gallery for the length of the block.

        Raises:
            Overloaded: `pending` requests, or half as many that write, are held already.
        """
        if self._held_writes >= self._pending_writes:
            self._metrics.refused("pending")
            raise Overloaded(
                f"{self._held_writes} requests are waiting to write to the gallery and no more are "
                "held at a time; try again in a second"
            )
        self._held_writes += 1
        try:
            with self.admit():
                yield
        finally:
            self._held_writes -= 1


def milliseconds(given: str) -> int:
    """Return the header's number.

    Raises:
        InvalidRequest: it is none, or out of range.
    """
    if given.isascii() and given.isdigit() and len(given) <= len(str(LONGEST_DEADLINE)):
        number = int(given)
        if 1 <= number <= LONGEST_DEADLINE:
            return number
    raise InvalidRequest(
        [FieldProblem(DEADLINE, f"has to be a number of milliseconds, 1 to {LONGEST_DEADLINE}")]
    )
