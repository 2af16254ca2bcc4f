"""How often a key may call: a bucket of tokens for each key."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from service.keys.bucket import Bucket
from service.keys.errors import TooManyRequests
from service.keys.key import Key

BURST_SECONDS = 2.0
"""Seconds' worth of requests that may come at once after a pause, and at least one request."""


MOST_SECONDS = 3600
"""Seconds after which a caller is told to try again, at most."""


class Rates:
    """Counts the requests of each key in this process; used from the event loop's thread only.

    `default` is the rate of keys without one of their own, in requests a second; None is no bound.
    """

    def __init__(
        self, default: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._default = default
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def take(self, key: Key) -> None:
        """Count one request of a key.

        Raises:
            TooManyRequests: its rate is used up; it says when there is room again.
        """
        rate = self._default if key.rate is None else key.rate
        if rate is None:
            return
        now = self._clock()
        bucket = self._buckets.get(key.id)
        if bucket is None:
            bucket = Bucket(rate, max(1.0, rate * BURST_SECONDS), now)
            self._buckets[key.id] = bucket
        if wait := bucket.take(now):
            raise TooManyRequests(rate, min(MOST_SECONDS, max(1, math.ceil(wait))))
