"""Counting what a source holds while the job begins."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future


class ItemCount:
    """How many items there are, counted in a thread of its own.

    A source is read once more for it, without opening images: the job knows how much is before it,
    and a source that cannot be read to its end is known before anything is stored.
    """

    def __init__(self, items: Iterable[object]) -> None:
        self._items = items
        self._stopped = threading.Event()
        self._count: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name="count", daemon=True)
        self._thread.start()

    def result(self) -> int:
        """The number of items, when they are counted. Raises what reading them raised."""
        return self._count.result()

    def stop(self) -> None:
        """Stop counting, where it is not done; returns when no more is read."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            count = 0
            for _ in self._items:
                count += 1
                if self._stopped.is_set():
                    break
            self._count.set_result(count)
        except BaseException as error:
            self._count.set_exception(error)
