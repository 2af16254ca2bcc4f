"""Embedding a stream of items with every lane of an engine busy, results in the items' order.

    items --preparing threads--> images --lanes of the engine--> results

A run of the engine takes the images of a few consecutive items. Nothing waits at the end of a
batch, and whoever takes the results may store them meanwhile: the lanes go on until as many items
as they were allowed are finished and not yet taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.threads.thread_names import name_this_thread
from vreid.embedding import embed
from vreid.engines import BranchEngine
from vreid.engines.processors import usable_processors
from vreid.modality import Modality

Item = TypeVar("Item")
Result = TypeVar("Result")

# Images in one run of a branch at most; larger runs need more memory and are no faster.
_LARGEST_RUN = 16


# One that waits for the disk leaves another to work; more would take the processors from the lanes.
_LEAST_PREPARING = 2


@dataclass(frozen=True, slots=True)
class ToEmbed(Generic[Result]):
    """An item that has to be embedded.

    Attributes:
        images: branch pixels, uint8 (H, W, 3), of each modality that it has.
        finish: makes the result of features float32 (3, D) and mask bool (3,), in a lane's thread.
    """

    images: Mapping[Modality, NDArray[np.uint8]] = field(repr=False)
    finish: Callable[[NDArray[np.float32], NDArray[np.bool_]], Result]


Prepared: TypeAlias = Result | ToEmbed[Result]
"""What preparing an item gives: its result already, or what has to be embedded first."""


@contextmanager
def embedded_in_order(
    items: Iterable[Item],
    prepare: Callable[[Item], Prepared[Result]],
    engine: BranchEngine,
    feature_size: int,
    ahead: int,
    weigh: Callable[[Item], int] = lambda item: 0,
    heaviest: int = 0,
) -> Iterator[Iterator[Result]]:
    """Prepare and embed items in threads that work as long as the block lasts.

    Args:
        items: taken as they are needed, in the caller's thread.
        prepare: called for each item, several at the same moment, in threads of its own.
        engine: every lane of it is used.
        feature_size: D, from the bundle's manifest.
        ahead: items that may be under way or finished before the result of the first is taken,
            besides those of one run for each lane; it bounds the memory, and the size of a run.
        weigh: bytes that an item holds until its result is taken.
        heaviest: bytes that runs which are under way or finished may hold together; one run may
            always be.

    Yields:
        The results in the items' order. Asking for the next raises what `prepare`, `finish` or the
        engine raised for it.
    """
    run_size = max(1, min(_LARGEST_RUN, engine.batch_sizes[-1], ahead))
    preparing = _threads(max(_LEAST_PREPARING, usable_processors()), "prepare")
    lanes = _threads(engine.lanes, "embed")

    def embed_run(run: Sequence[Future[Prepared[Result]]]) -> list[Result]:
        return _embedded([each.result() for each in run], engine, feature_size, run_size)

    def submit(run: Sequence[Item]) -> Future[list[Result]]:
        return lanes.submit(embed_run, [preparing.submit(prepare, item) for item in run])

    def weighed(run: Sequence[Item]) -> int:
        return sum(weigh(item) for item in run)

    most = engine.lanes + -(-ahead // run_size)
    try:
        yield _in_order(_runs(iter(items), run_size), submit, most, weighed, heaviest)
    finally:
        # Lanes that wait for an item which is not prepared any more are told so.
        preparing.shutdown(wait=False, cancel_futures=True)
        lanes.shutdown(cancel_futures=True)
        preparing.shutdown()


def _in_order(
    items: Iterator[list[Item]],
    submit: Callable[[Sequence[Item]], Future[list[Result]]],
    most: int,
    weigh: Callable[[Sequence[Item]], int],
    heaviest: int,
) -> Iterator[Result]:
    """The results of runs, of which at most `most` are under way or finished and not taken.

    Nor are more begun while these weigh more than `heaviest` together.
    """
    runs: deque[tuple[Future[list[Result]], int]] = deque()
    weight = 0

    def fill() -> None:
        nonlocal weight
        while len(runs) < most and (not runs or weight <= heaviest):
            run = next(items, None)
            if run is None:
                return
            runs.append((submit(run), weigh(run)))
            weight += runs[-1][1]

    fill()
    while runs:
        first, taken = runs[0]
        results = first.result()
        runs.popleft()
        weight -= taken
        # Before the results are taken, which may take its time.
        fill()
        yield from results


def _runs(items: Iterator[Item], run_size: int) -> Iterator[list[Item]]:
    while run := list(islice(items, run_size)):
        yield run


def _embedded(
    prepared: Sequence[Prepared[Result]], engine: BranchEngine, feature_size: int, run_size: int
) -> list[Result]:
    waiting = [each for each in prepared if isinstance(each, ToEmbed)]
    if not waiting:
        return [each for each in prepared if not isinstance(each, ToEmbed)]
    features, masks = embed([each.images for each in waiting], engine, feature_size, run_size)
    rows = zip(features, masks, strict=True)
    return [each.finish(*next(rows)) if isinstance(each, ToEmbed) else each for each in prepared]


def _threads(count: int, name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, name, initializer=name_this_thread, initargs=(name,))
