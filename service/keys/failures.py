"""Calls without a valid key: how many get a line of their own, from one place and in total.

A call is looked at here only after its key was found wrong, so whoever has a valid key notices
nothing of others who guess, not even behind the same address.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from service.keys.bucket import Bucket
from service.keys.errors import TooManyFailures

RATE_OF_ONE, BURST_OF_ONE = 1.0, 20.0
RATE_OF_ALL, BURST_OF_ALL = 20.0, 200.0
"""Calls a second, and calls at once after a pause; of one place and of all together."""

MOST_PLACES = 4096
"""Places that are remembered; whoever guesses from more of them meets the bound of all."""


class Failures:
    """Bounds the work that wrong keys make; used from the event loop's thread only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all = Bucket(RATE_OF_ALL, BURST_OF_ALL, clock())
        self._places: OrderedDict[str, Bucket] = OrderedDict()
        self._unrecorded = 0

    def __len__(self) -> int:
        """Number of places that are remembered."""
        return len(self._places)

    def take(self, place: str) -> int:
        """Count a call without a valid key; returns how many since the last had no line.

        Args:
            place: address or network that it comes from.

        Raises:
            TooManyFailures: there were more than are written down.
        """
        now = self._clock()
        wait = self._of(place, now).take(now) or self._all.take(now)
        if wait:
            self._unrecorded += 1
            raise TooManyFailures(max(1, math.ceil(wait)))
        unrecorded, self._unrecorded = self._unrecorded, 0
        return unrecorded

    def _of(self, place: str, now: float) -> Bucket:
        bucket = self._places.pop(place, None) or Bucket(RATE_OF_ONE, BURST_OF_ONE, now)
        self._places[place] = bucket
        if len(self._places) > MOST_PLACES:
            self._places.popitem(last=False)
        return bucket
