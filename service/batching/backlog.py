"""How long a request would wait that came now."""

from __future__ import annotations

import threading

from service.batching.batcher import Batcher
from service.batching.costs import MovingMean
from service.batching.urgency import Urgency


class Backlog:
    """What was let in and is not computed: images in the queues, and requests before that.

    A request whose images are not known yet counts as much as one does on average.
    """

    def __init__(self, batcher: Batcher, decode_threads: int) -> None:
        self._batcher = batcher
        self._decode_threads = decode_threads
        self._lock = threading.Lock()
        self._undecoded = 0
        self._decoding = MovingMean()
        self._inference = MovingMean()

    def seconds(self, urgency: Urgency, besides: int = 0) -> float:
        """Return the seconds until the work that goes before this urgency is done.

        Args:
            urgency: of the request that would have to wait.
            besides: how many requests whose images are not known yet do not count.
        """
        with self._lock:
            each = self._decoding.value / self._decode_threads + self._inference.value
            undecoded = max(0, self._undecoded - besides) * each
        return undecoded + self._batcher.seconds_ahead(urgency)

    def request_begins(self) -> None:
        """A request was let in; what images it has will be known later."""
        with self._lock:
            self._undecoded += 1

    def request_is_known(self) -> None:
        """The images of such a request are in the queues, or there will be none."""
        with self._lock:
            self._undecoded -= 1

    def add(self, decoding: float, inference: float) -> None:
        """Take in how long one request's images took to decode, and will take to compute."""
        with self._lock:
            self._decoding.add(decoding)
            self._inference.add(inference)
