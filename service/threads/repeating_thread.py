"""A thread that does one thing again and again, which no error ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from service.threads.thread_names import name_this_thread
from vreid.errors import VreidError

logger = logging.getLogger(__name__)


class RepeatingThread:
    """Calls a function every so many seconds from its making to `close`.

    An error is logged once, not each time for as long as it lasts, and the next call is made.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[], bool | None],
        interval: float,
        problem: str = "",
        ends_with: type[Exception] | tuple[type[Exception], ...] = (),
        first: float | None = None,
    ) -> None:
        """Begin.

        Args:
            name: of the thread; the system shows its first 15 bytes.
            function: is called again at once where it returns True.
            interval: seconds from the end of a call to the beginning of the next.
            problem: begins the line that is logged when a call fails.
            ends_with: what the function raises when there is nothing more to do.
            first: seconds to the first call; `interval` when None.
        """
        self._function = function
        self._interval = interval
        self._first = interval if first is None else first
        self._problem = problem or f"the thread {name} failed and goes on"
        self._ends_with = ends_with
        self._ends = threading.Event()
        self._last = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self, timeout: float | None = None) -> None:
        """Wait for a call that runs, and make no more; a second time does nothing.

        Args:
            timeout: seconds after which the call that runs is left; None waits for its end.
        """
        self._ends.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        name_this_thread(self._thread.name)
        pause = self._first
        while not self._ends.wait(pause):
            pause = self._interval
            try:
                pause = 0.0 if self._function() else self._interval
                self._last = ""
            except self._ends_with:
                return
            except VreidError as error:
                self._note(str(error), foreseen=True)
            except Exception as error:
                # An error in the program must not end the work: the next call may succeed.
                self._note(repr(error), foreseen=False)

    def _note(self, error: str, *, foreseen: bool) -> None:
        if error == self._last:
            return
        self._last = error
        if foreseen:
            logger.warning("%s: %s", self._problem, error)
        else:
            logger.exception("%s", self._problem)
