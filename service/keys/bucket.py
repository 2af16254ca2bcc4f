"""A bucket of tokens: so many at once, and so many a second."""

from __future__ import annotations


class Bucket:
    """Holds `most` tokens at first and fills at `rate` tokens a second; knows no clock itself."""

    __slots__ = ("_most", "_rate", "_then", "_tokens")

    def __init__(self, rate: float, most: float, now: float) -> None:
        self._rate = rate
        self._most = most
        self._tokens = most
        self._then = now

    def take(self, now: float) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one."""
        self._tokens = min(self._most, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0
