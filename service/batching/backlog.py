"""How long a request would wait that came now."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from service.batching.batcher import Batcher
from service.batching.costs import MovingMean, RecentWorst
from service.batching.urgency import UP_TO, Urgency

_IMAGES_OF_ONE = 3
"""A request of one vehicle; also what is guessed of a body before the first was read."""


@dataclass(slots=True)
class Expected:
    """A request whose images are not in the queues; belongs to the backlog's lock once it counts.

    Attributes:
        urgency: of its images, guessed until they are known.
        images: how many, guessed until they are known.
        counts: whether others wait for it.
    """

    urgency: Urgency
    images: int
    counts: bool = False


class Backlog:
    """What was let in and is not computed: images in the queues, and requests before that."""

    def __init__(self, batcher: Batcher, decode_threads: int) -> None:
        self._batcher = batcher
        self._decode_threads = decode_threads
        self._lock = threading.Lock()
        self._undecoded = dict.fromkeys(Urgency, 0)
        self._decoding = MovingMean()
        self._inference = MovingMean()
        self._bytes = MovingMean()
        self._own = MovingMean()
        self._worst_own = RecentWorst()

    def expect(self, size: int | None, writes: bool) -> Expected:
        """Guess what a body of so many bytes, None where that is not known, will bring."""
        each = self._bytes.value
        images = max(1, round(size / each)) if size is not None and each else _IMAGES_OF_ONE
        many = writes and images > _IMAGES_OF_ONE
        return Expected(Urgency.INGEST if many else Urgency.SEARCH, images)

    def begin(self, expected: Expected) -> None:
        """A request was let in that has, as far as is known, images."""
        with self._lock:
            if not expected.counts:
                expected.counts = True
                self._undecoded[expected.urgency] += expected.images

    def known(self, expected: Expected, urgency: Urgency, images: int) -> None:
        """The body was read, and has so many images."""
        with self._lock:
            if expected.counts:
                self._undecoded[expected.urgency] -= expected.images
                self._undecoded[urgency] += images
            expected.urgency, expected.images = urgency, images

    def end(self, expected: Expected) -> None:
        """The images of such a request are in the queues, or there will be none."""
        with self._lock:
            if expected.counts:
                expected.counts = False
                self._undecoded[expected.urgency] -= expected.images

    def seconds(self, urgency: Urgency, besides: Expected | None = None) -> float:
        """Return the seconds until the work that goes before this urgency is done.

        Args:
            urgency: of the request that would have to wait.
            besides: a request that does not count: the one that asks.
        """
        with self._lock:
            each = self._decoding.value / self._decode_threads + self._inference.value
            images = sum([self._undecoded[one] for one in UP_TO[urgency]])
            if besides is not None and besides.counts and besides.urgency <= urgency:
                images -= besides.images
        return images * each + self._batcher.seconds_ahead(urgency)

    def own(self, images: int) -> float:
        """Return the seconds that a request of so many images takes where it waits for nobody."""
        return self._own.value * max(1.0, images / _IMAGES_OF_ONE)

    def worst_own(self, images: int) -> float:
        """Return the seconds that nearly none of so many images takes more, waiting for nobody."""
        return self._worst_own.value * max(1.0, images / _IMAGES_OF_ONE)

    def add(self, images: int, decoding: float, inference: float) -> None:
        """Take in how long images took to decode together, and will take to compute."""
        with self._lock:
            self._decoding.add(decoding / images)
            self._inference.add(inference / images)

    def add_size(self, size: int, images: int) -> None:
        """Take in how many bytes a body with images had."""
        with self._lock:
            self._bytes.add(size / images)

    def add_own(self, images: int, seconds: float) -> None:
        """Take in how long a request took besides its waiting; only small ones say anything."""
        if images <= _IMAGES_OF_ONE:
            with self._lock:
                self._own.add(seconds)
                self._worst_own.add(seconds)
