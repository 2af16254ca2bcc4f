"""Refused calls of valid keys: how many of each key's get a line in the audit log.

Without a bound, whoever has one key could rotate away what all keys did, by calls that cost nothing
because they are refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from service.keys.bucket import Bucket

RATE, BURST = 1.0, 20.0
"""Lines a second of a key, and lines at once after a pause."""


class RefusedLines:
    """Counts the refused calls of each key; used from the event loop's thread only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self._unrecorded: dict[str, int] = {}

    def take(self, key_id: str) -> int | None:
        """Count a refused call; None where it gets no line.

        Else returns how many calls of the key had none since the last that had one.
        """
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._buckets[key_id] = Bucket(RATE, BURST, now)
        if bucket.take(now):
            self._unrecorded[key_id] = self._unrecorded.get(key_id, 0) + 1
            return None
        return self._unrecorded.pop(key_id, 0)
