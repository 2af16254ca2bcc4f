"""What a process holds while it works, and by how much that grows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from service.bench.process_usage import memory

_EVERY = 0.25


@contextmanager
def watched(process: int) -> Iterator[list[int]]:
    """Read a process's resident bytes until the block ends, into the list that is yielded."""
    readings: list[int] = []
    over = threading.Event()

    def read() -> None:
        while not over.wait(_EVERY):
            readings.append(memory(process).now)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield readings
    finally:
        over.set()
        thread.join()


def growth(resident: Sequence[int]) -> float:
    """Return by how many bytes the readings' last quarter lies above their first.

    Medians are compared: a picture of 50 million pixels that is being decoded is no growth.
    """
    if len(resident) < 2:
        return 0.0
    quarter = max(1, len(resident) // 4)
    return median(resident[-quarter:]) - median(resident[:quarter])


def after_warm_up(resident: Sequence[int]) -> Sequence[int]:
    """Return the readings without the first third."""
    return resident[len(resident) // 3 :]
