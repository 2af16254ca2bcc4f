"""Who is let in: by how many are held, and by how long a request would have to wait."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers

from service.batching.backlog import Backlog
from service.batching.batcher import Batcher
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from service.request_errors import FieldProblem, InvalidRequest, Overloaded
from service.telemetry.metrics import Metrics

DEADLINE = "X-Deadline-Ms"
LONGEST_DEADLINE = 3_600_000

_CAUTION = 1.25
"""How much longer than estimated a wait is taken to be: a request that is let in and comes too late
after all was held for nothing."""


class Admission:
    """Places for requests, and the estimate that a request is refused by at once.

    At most `pending` requests are held, computed or waiting; of these half may write. Belongs to
    the event loop, but for `check`, which any thread may call.
    """

    def __init__(
        self,
        batcher: Batcher,
        backlog: Backlog,
        metrics: Metrics,
        *,
        pending: int,
        queue: int,
        deadline: float,
    ) -> None:
        self._batcher = batcher
        self._backlog = backlog
        self._metrics = metrics
        self._pending = pending
        self._pending_writes = max(1, pending // 2)
        self._queue = queue
        self._deadline = deadline
        self._held = 0
        self._held_writes = 0

    @property
    def held(self) -> int:
        """Requests let in and not yet answered."""
        return self._held

    def ticket(self, headers: Headers) -> Ticket:
        """Return what a request is to the queues, its deadline counted from now.

        Raises:
            InvalidRequest: the header with the deadline is no number of milliseconds.
        """
        given = headers.get(DEADLINE)
        seconds = self._deadline if given is None else milliseconds(given) / 1000
        return Ticket(deadline=time.monotonic() + seconds)

    def check(self, ticket: Ticket, is_held: bool = False) -> None:
        """Refuse a request that would not be computed in time.

        Args:
            ticket: of the request.
            is_held: whether it counts among those that were let in.

        Raises:
            Overloaded: saying when to come back.
        """
        ahead = self._backlog.seconds(ticket.urgency, besides=int(is_held))
        if ticket.deadline is not None and ahead > 0:
            late = time.monotonic() + _CAUTION * ahead - ticket.deadline
            if late > 0:
                self._metrics.refused("deadline")
                raise Overloaded(
                    f"it would wait about {ahead:.2g} s for those before it, longer than its "
                    "deadline; try again later",
                    retry_after=math.ceil(late),
                )

    def check_queue(self, images: int) -> None:
        """Refuse a request whose images find no room; an empty queue takes any.

        Raises:
            Overloaded: saying when to come back.
        """
        waiting = self._batcher.queued
        if waiting and waiting + images > self._queue:
            self._metrics.refused("queue")
            raise Overloaded(
                f"{waiting} images wait to be embedded and {self._queue} may; try again later",
                retry_after=math.ceil(self._backlog.seconds(Urgency.INGEST)),
            )

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
