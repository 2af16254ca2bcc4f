"""What one request is to the queues."""

from __future__ import annotations

from collections.abc import Callable

from service.batching.urgency import Urgency


class Ticket:
    """Urgency and deadline of a request, and whether anybody still waits for it.

    Attributes:
        urgency: of its images.
        deadline: the moment of `time.monotonic()` by which its computing has to have begun, None
            where it may wait for ever.
    """

    __slots__ = ("_on_withdrawal", "_withdrawn", "deadline", "urgency")

    def __init__(self, urgency: Urgency = Urgency.SEARCH, deadline: float | None = None) -> None:
        self.urgency = urgency
        self.deadline = deadline
        self._withdrawn = False
        self._on_withdrawal: Callable[[], None] | None = None

    @property
    def withdrawn(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._withdrawn

    def withdraw(self) -> None:
        """Say that nobody waits any more: what is queued is dropped, what is in work ends."""
        # In this order: whoever sets the callback looks at the flag afterwards.
        self._withdrawn = True
        if self._on_withdrawal is not None:
            self._on_withdrawal()

    def when_withdrawn(self, callback: Callable[[], None]) -> None:
        """Call `callback` at the withdrawal; at once where that has been."""
        self._on_withdrawal = callback
        if self._withdrawn:
            callback()

    def is_late(self, now: float) -> bool:
        """Tell whether its computing has not begun in time, `now` being `time.monotonic()`."""
        return self.deadline is not None and now > self.deadline
