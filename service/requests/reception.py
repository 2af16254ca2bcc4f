"""Room for the bodies of requests, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.request_errors import Overloaded
from service.telemetry.metrics import Metrics

Claim = Callable[[int], None]
"""Takes room for so many more bytes of one body; raises Overloaded where there is none."""


class Reception:
    """At most `bodies` bodies with at most `total_bytes` bytes together are held at a time.

    A body that arrives slowly takes room here and none among the requests that are worked on.
    """

    def __init__(self, bodies: int, total_bytes: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self._bodies = bodies
        self._total_bytes = total_bytes
        self._held = 0
        self._held_bytes = 0

    @property
    def held(self) -> int:
        """Bodies that arrive or are being answered."""
        return self._held

    @property
    def held_bytes(self) -> int:
        """Bytes of these bodies that have arrived."""
        return self._held_bytes

    @contextmanager
    def body(self) -> Iterator[Claim]:
        """Hold room for one body for the length of the block; yields what takes room for bytes.

        Raises:
            Overloaded: there is no room for another body.
        """
        if self._held >= self._bodies:
            self._metrics.refused("receiving")
            raise Overloaded(
                f"{self._held} bodies are arriving or being answered and no more are held at a "
                "time; try again in a second"
            )
        claimed = 0

        def claim(count: int) -> None:
            nonlocal claimed
            if self._held_bytes + count > self._total_bytes:
                self._metrics.refused("receiving-bytes")
                raise Overloaded(
                    f"the bodies that are being answered have {self._held_bytes} bytes and no more "
                    f"than {self._total_bytes} are held at a time; try again in a second"
                )
            self._held_bytes += count
            claimed += count

        self._held += 1
        try:
            yield claim
        finally:
            self._held -= 1
            self._held_bytes -= claimed
