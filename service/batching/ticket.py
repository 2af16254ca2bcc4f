"""What one request is to the queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from service.batching.urgency import Urgency

if TYPE_CHECKING:
    from service.telemetry.metrics import Stage
    from service.telemetry.request_trace import RequestTrace


class Ticket:
    """Urgency and deadline of a request, and whether anybody still waits for it.

    Attributes:
        urgency: of its images.
        patience: seconds that it may take, None where it may wait for ever.
        is_stated: whether the client named them, for all that follows its body; else they are for
            the wait alone.
        deadline: the moment of `time.monotonic()` by which its turn has to have come, None before
            its body is complete and where it may wait for ever.
        waited: seconds that others have made it wait.
        trace: takes the stages of the request, None where it is not traced.
    """

    __slots__ = (
        "_on_expiry",
        "_on_withdrawal",
        "_own",
        "_withdrawn",
        "deadline",
        "is_stated",
        "patience",
        "trace",
        "urgency",
        "waited",
    )

    def __init__(
        self,
        urgency: Urgency = Urgency.SEARCH,
        deadline: float | None = None,
        patience: float | None = None,
        is_stated: bool = False,
    ) -> None:
        self.urgency = urgency
        self.patience = patience
        self.is_stated = is_stated
        self.deadline = deadline
        self.waited = 0.0
        self.trace: RequestTrace | None = None
        self._own = 0.0
        self._withdrawn = False
        self._on_withdrawal: Callable[[], None] | None = None
        self._on_expiry: Callable[[], None] | None = None

    def stage(self, name: Stage, seconds: float, ago: float = 0.0) -> None:
        """A stage of the request took so many seconds, and ended `ago` seconds ago."""
        if self.trace is not None:
            self.trace.stage(name, seconds, ago)

    def begin(self, now: float, own: float) -> None:
        """The body is complete: from now on others may make it wait.

        Args:
            now: `time.monotonic()`.
            own: seconds that the request is expected to take where it waits for nobody.
        """
        if self.patience is not None:
            self._own = own
            self.deadline = now + self._wait_allowed(self.patience, own)

    def _wait_allowed(self, patience: float, own: float) -> float:
        return max(0.0, patience - own) if self.is_stated else patience

    def left(self, now: float, own: float) -> float | None:
        """Return for how many seconds others may still make it wait, None for ever.

        Args:
            now: `time.monotonic()`.
            own: seconds that the request itself takes, if a deadline that was stated is to be kept
                even where things go badly.
        """
        if self.deadline is None:
            return None if self.patience is None else self._wait_allowed(self.patience, own)
        return self.deadline - now - (max(0.0, own - self._own) if self.is_stated else 0.0)

    def worked_on(self, seconds: float) -> None:
        """Leave out what was spent on this request itself."""
        if self.deadline is not None:
            self.deadline += seconds

    @property
    def withdrawn(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._withdrawn

    def withdraw(self) -> None:
        """Say that nobody waits any more: what is queued is dropped, what is in work ends."""
        # In this order: whoever sets the callback looks at the flag afterwards.
        self._withdrawn = True
        callback = self._on_withdrawal
        if callback is not None:
            callback()

    def expire(self) -> None:
        """Look whether what is queued is too late, and end it then."""
        callback = self._on_expiry
        if callback is not None:
            callback()

    def when_ended(self, withdrawn: Callable[[], None], expired: Callable[[], None]) -> None:
        """Call `withdrawn` at the withdrawal, at once where that was; `expired` at `expire`."""
        self._on_expiry = expired
        self._on_withdrawal = withdrawn
        if self._withdrawn:
            withdrawn()

    def settle(self) -> None:
        """Forget whom to call: what it would end is over."""
        self._on_withdrawal = self._on_expiry = None

    def is_late(self, now: float) -> bool:
        """Tell whether its turn has not come in time, `now` being `time.monotonic()`."""
        return self.deadline is not None and now > self.deadline
