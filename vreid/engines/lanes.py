"""Lanes: how many runs go on at the same moment, whoever asks for them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import LifoQueue
from typing import Generic, TypeVar

Lane = TypeVar("Lane")
Piece = TypeVar("Piece")


class Lanes(Generic[Lane]):
    """Hands out lanes, one run at a time each; who finds none free waits.

    So the buffers of a lane are never shared, and a hundred callers need no more memory than the
    lanes do.

    Args:
        lanes: what a run needs for itself.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.count = len(lanes)
        # The lane used last has its buffers in the processor's cache.
        self._free: LifoQueue[Lane] = LifoQueue()
        for lane in lanes:
            self._free.put(lane)
        self._threads = ThreadPoolExecutor(self.count, thread_name_prefix="lane")

    def run(self, work: Callable[[Lane, Piece], None], pieces: Sequence[Piece]) -> None:
        """Do the work on every piece, on as many lanes as are free; returns when all are done.

        What `work` raises is raised here; pieces that had not begun are then left out.
        """
        if len(pieces) <= 1 or self.count == 1:
            for piece in pieces:
                self._run_one(work, piece)
            return
        running = [self._threads.submit(self._run_one, work, piece) for piece in pieces]
        try:
            for each in running:
                each.result()
        finally:
            for each in running:
                each.cancel()
            # What has begun still writes into the caller's arrays.
            for each in running:
                if not each.cancelled():
                    each.exception()

    def run_in_each(self, work: Callable[[Lane], None]) -> None:
        """Do the work once in every lane, at the same moment; raises what `work` raises."""
        lanes = [self._free.get() for _ in range(self.count)]
        try:
            running = [self._threads.submit(work, lane) for lane in lanes]
            wait(running)
        finally:
            for lane in lanes:
                self._free.put(lane)
        for each in running:
            each.result()

    def _run_one(self, work: Callable[[Lane, Piece], None], piece: Piece) -> None:
        with self._lane() as lane:
            work(lane, piece)

    @contextmanager
    def _lane(self) -> Iterator[Lane]:
        lane = self._free.get()
        try:
            yield lane
        finally:
            self._free.put(lane)
