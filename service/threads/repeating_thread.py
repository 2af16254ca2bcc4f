"""A thread that does one thing again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from service.threads.thread_names import name_this_thread

logger = logging.getLogger(__name__)


class RepeatingThread:
    """Calls a function every so many seconds from its making to `close`; a failure ends nothing."""

    def __init__(self, name: str, function: Callable[[], None], interval: float) -> None:
        self._function = function
        self._interval = interval
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for a call that runs, and make no more; a second time does nothing."""
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        name_this_thread(self._thread.name)
        while not self._ends.wait(self._interval):
            try:
                self._function()
            except Exception:
                logger.exception("the thread %s failed and goes on", self._thread.name)
