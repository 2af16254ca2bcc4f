"""A service whose lanes compute only when a test lets them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx
import numpy as np
from numpy.typing import NDArray

from service.running import Running
from vreid.engines import BranchRunner
from vreid.modality import Modality

PATIENCE = 60.0


class HeldEngine:
    """The service's own engine, whose runs wait until they are let go.

    Attributes:
        images: how many images were given to it.
        fault: raised instead of computing, if anything.
    """

    def __init__(self, engine: BranchRunner) -> None:
        self.images = 0
        self.fault: BaseException | None = None
        self._engine = engine
        self._changed = threading.Condition()
        self._may_run = 0
        self._may_all_run = False

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._changed:
            self.images += len(pixels)
            assert self._changed.wait_for(lambda: self._may_all_run or self._may_run, PATIENCE)
            self._may_run -= 1
        if self.fault is not None:
            raise self.fault
        return self._engine.run(modality, pixels)

    def let_go(self) -> None:
        """Let every run go, from now on."""
        with self._changed:
            self._may_all_run = True
            self._changed.notify_all()

    def let_one_go(self) -> None:
        """Let one more run go."""
        with self._changed:
            self._may_run += 1
            self._changed.notify_all()


@contextmanager
def held_lanes(running: Running) -> Iterator[HeldEngine]:
    """Hold what lanes compute until `let_go` or the end of the block."""
    own = running.batcher.engine
    held = HeldEngine(own)
    running.batcher.engine = held
    try:
        yield held
    finally:
        running.batcher.engine = own
        held.let_go()


def wait_for(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


class Asking:
    """A request that is sent in a thread of its own, and its answer when it has come."""

    def __init__(
        self,
        client: httpx.Client,
        path: str,
        headers: Mapping[str, str],
        *,
        files: Mapping[str, bytes] | None = None,
        document: object = None,
    ) -> None:
        self._answer: httpx.Response | None = None

        def ask() -> None:
            with httpx.Client(base_url=client.base_url, timeout=PATIENCE, trust_env=False) as own:
                self._answer = own.post(path, headers=headers, files=files, json=document)

        self._thread = threading.Thread(target=ask)
        self._thread.start()

    @property
    def is_answered(self) -> bool:
        """Whether the answer has come."""
        return self._answer is not None

    def answer(self) -> httpx.Response:
        """Wait for the answer."""
        self._thread.join(PATIENCE)
        assert self._answer is not None, "there is no answer"
        return self._answer
