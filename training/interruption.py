"""Stopping a run between two steps when a signal asks for it."""

import signal
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While entered, Ctrl-C and SIGTERM set `received`; a second one stops at once."""

    def __init__(self) -> None:
        self.received = False
        self._former: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> "StopRequest":
        """Takes the signals over."""
        for number in SIGNALS:
            self._former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Gives the signals back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = True


def ignore_interrupts(worker: int) -> None:
    """Lets a loader's worker outlive Ctrl-C and SIGTERM, which often reach the whole group.

    The step at hand still gets its batch; the worker ends when the run does.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
