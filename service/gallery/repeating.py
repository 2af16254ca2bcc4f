"""Work in the background, again and again, that no error ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from service.errors import GalleryClosed, GalleryError

logger = logging.getLogger(__name__)


class RepeatingThread:
    """Calls `work` every `interval` seconds, and at once while it returns True.

    An error is logged once, not each time for as long as it lasts, and the work is tried again.
    """

    def __init__(self, name: str, interval: float, work: Callable[[], bool], problem: str) -> None:
        """Begin. `problem` begins the line that is logged when the work fails."""
        self._interval = interval
        self._work = work
        self._problem = problem
        self._ending = threading.Event()
        self._last = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the work that is being done, and do no more; a second call does nothing."""
        self._ending.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause = self._interval
        while not self._ending.wait(pause):
            try:
                pause = 0.0 if self._work() else self._interval
                self._last = ""
            except GalleryClosed:
                return
            except GalleryError as error:
                self._note(str(error), known=True)
                pause = self._interval
            except Exception as error:
                # An error in the program must not end the work: the next try may succeed.
                self._note(repr(error), known=False)
                pause = self._interval

    def _note(self, error: str, *, known: bool) -> None:
        if error == self._last:
            return
        self._last = error
        if known:
            logger.warning("%s: %s", self._problem, error)
        else:
            logger.exception("%s", self._problem)
