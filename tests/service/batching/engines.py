"""Engines for tests whose features say which image they are of."""

import threading
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from service.batching.submission import BranchPixels
from vreid.errors import EngineError
from vreid.modality import MODALITIES, Modality

FEATURE_SIZE = 4
LARGEST_NUMBER = 2047
PATIENCE = 60.0


def image_of(number: int) -> NDArray[np.uint8]:
    """Branch pixels (1, 2, 3) that carry a number up to LARGEST_NUMBER."""
    pixels = np.zeros((1, 2, 3), dtype=np.uint8)
    pixels[0, 0, :2] = number // 256, number % 256
    return pixels


def sample_of(number: int, *modalities: Modality) -> BranchPixels:
    """A sample whose images all carry a number."""
    return dict.fromkeys(modalities or MODALITIES, image_of(number))


def numbers_in(pixels: NDArray[np.uint8]) -> list[int]:
    """The numbers that a batch (N, 1, 2, 3) of images carries."""
    return [int(high) * 256 + int(low) for high, low in pixels[:, 0, 0, :2]]


class NumberEngine:
    """Gives each image's number as its features (all equal), and counts what it computed."""

    def __init__(self, before_run: Callable[[list[int]], None] = lambda numbers: None) -> None:
        self._before_run = before_run
        self._lock = threading.Lock()
        self.computed: Counter[tuple[Modality, int]] = Counter()
        self.runs: list[tuple[Modality, list[int]]] = []

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        numbers = numbers_in(pixels)
        self._before_run(numbers)
        with self._lock:
            self.runs.append((modality, numbers))
            self.computed.update((modality, number) for number in numbers)
        return np.repeat(np.array(numbers, dtype=np.float32)[:, None], FEATURE_SIZE, axis=1)


class Gate:
    """Holds every run until it is opened, and says when one has come."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.reached = threading.Event()

    def __call__(self, numbers: list[int]) -> None:
        self.reached.set()
        assert self._open.wait(PATIENCE)

    def wait_until_reached(self) -> None:
        assert self.reached.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()


def refuse(*refused: int) -> Callable[[list[int]], None]:
    """Fail every run that has one of these images in it."""

    def check(numbers: list[int]) -> None:
        if set(numbers) & set(refused):
            raise EngineError(f"no features of {numbers}; check the memory that is left")

    return check
