"""Embedding a stream of items with every lane of an engine busy."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.indexing.pipeline import Prepared, ToEmbed, embedded_in_order
from tests.bundles import make_tiny_bundle
from vreid.embedding import embed
from vreid.engines import BranchEngine, open_engine
from vreid.errors import EngineError
from vreid.modality import MODALITIES, Modality

FEATURE_SIZE = 16
# Far beyond what anything here takes.
PATIENCE = 60.0

Row: TypeAlias = tuple[int, NDArray[np.float32] | None]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> BranchEngine:
    bundle = make_tiny_bundle(tmp_path_factory.mktemp("bundle"), FEATURE_SIZE)
    return open_engine(bundle, threads=1)


@dataclass
class WatchedEngine:
    """An engine with as many lanes as wanted, which tells of each run before it begins."""

    opened: BranchEngine
    lanes: int
    batch_sizes: tuple[int, ...]
    before_run: Callable[[], object] = lambda: None
    name: str = "watched"
    precision: str = "fp32"
    threads: int = 1

    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.before_run()
        return self.opened.run(modality, pixels)


def images_of(number: int, modalities: Sequence[Modality]) -> dict[Modality, NDArray[np.uint8]]:
    generator = np.random.default_rng(number)
    return {each: generator.integers(0, 256, (32, 32, 3), np.uint8) for each in modalities}


def prepared(number: int, modalities: Sequence[Modality] = MODALITIES) -> Prepared[Row]:
    """An item's number with its features; with None where there is nothing to embed."""
    if not modalities:
        return number, None
    return ToEmbed(images_of(number, modalities), lambda features, mask: (number, features))


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    kinds=st.lists(st.sets(st.sampled_from(MODALITIES)), max_size=25),
    lanes=st.integers(1, 3),
    largest=st.integers(1, 5),
    ahead=st.integers(1, 12),
)
def test_results_come_in_the_order_of_the_items_each_with_its_own_features(
    engine: BranchEngine, kinds: list[set[Modality]], lanes: int, largest: int, ahead: int
) -> None:
    watched = WatchedEngine(engine, lanes, (1, largest))
    wanted = [[each for each in MODALITIES if each in kind] for kind in kinds]
    with embedded_in_order(
        range(len(kinds)),
        lambda number: prepared(number, wanted[number]),
        watched,
        FEATURE_SIZE,
        ahead,
    ) as results:
        rows = list(results)
    assert [number for number, _ in rows] == list(range(len(kinds)))
    for number, features in rows:
        if not wanted[number]:
            assert features is None
            continue
        alone, _ = embed([images_of(number, wanted[number])], engine, FEATURE_SIZE)
        assert features is not None
        np.testing.assert_allclose(features, alone[0], atol=2e-3)


def test_every_lane_runs_at_the_same_time(engine: BranchEngine) -> None:
    # A run goes on only when as many are there as the engine has lanes.
    together = threading.Barrier(3)
    watched = WatchedEngine(engine, 3, (1, 2), lambda: together.wait(PATIENCE))
    with embedded_in_order(range(6), prepared, watched, FEATURE_SIZE, 1) as results:
        assert len(list(results)) == 6


def test_lanes_go_on_while_nothing_is_taken_up_to_what_is_allowed(engine: BranchEngine) -> None:
    runs = 0
    changed = threading.Condition()

    def count() -> None:
        nonlocal runs
        with changed:
            runs += 1
            changed.notify_all()

    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    watched = WatchedEngine(engine, 2, (1, 2), count)
    with embedded_in_order(items(), prepared, watched, FEATURE_SIZE, 10) as results:
        next(results)
        # 10 items ahead and a run of 2 for each of 2 lanes; another run for what was taken.
        allowed = 10 + 2 * 2 + 2
        with changed:
            finished = changed.wait_for(lambda: runs >= allowed // 2 * len(MODALITIES), PATIENCE)
        assert finished
        assert taken == allowed
        for _ in range(100):
            next(results)
        assert taken == allowed + 100


def test_what_fails_is_raised_where_its_result_is_asked_for_and_the_threads_end(
    engine: BranchEngine,
) -> None:
    def prepare(number: int) -> Prepared[Row]:
        if number == 4:
            raise LookupError(number)
        return prepared(number)

    with embedded_in_order(
        range(100), prepare, WatchedEngine(engine, 2, (1,)), FEATURE_SIZE, 2
    ) as results:
        assert [next(results)[0] for _ in range(4)] == [0, 1, 2, 3]
        with pytest.raises(LookupError):
            next(results)
    assert not working_threads()


def test_an_engine_that_fails_ends_the_stream(engine: BranchEngine) -> None:
    def fail() -> None:
        raise EngineError("out of memory; use a smaller batch")

    watched = WatchedEngine(engine, 2, (1, 4), fail)
    with (
        pytest.raises(EngineError, match="smaller batch"),
        embedded_in_order(range(100), prepared, watched, FEATURE_SIZE, 4) as results,
    ):
        list(results)
    assert not working_threads()


def test_leaving_early_ends_the_threads_and_takes_no_more_items(engine: BranchEngine) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    watched = WatchedEngine(engine, 2, (1, 2))
    with embedded_in_order(items(), prepared, watched, FEATURE_SIZE, 100) as results:
        next(results)
    assert not working_threads()
    assert len(taken) == 100 + 2 * 2 + 2


def working_threads() -> list[str]:
    return [
        each.name for each in threading.enumerate() if each.name.startswith(("prepare_", "embed_"))
    ]


def test_a_result_that_cannot_be_made_is_raised_and_the_threads_end(engine: BranchEngine) -> None:
    def finish(features: NDArray[np.float32], mask: NDArray[np.bool_]) -> Row:
        raise LookupError("no record")

    def prepare(number: int) -> Prepared[Row]:
        return ToEmbed(images_of(number, MODALITIES), finish)

    watched = WatchedEngine(engine, 2, (1, 2))
    with (
        pytest.raises(LookupError, match="no record"),
        embedded_in_order(range(100), prepare, watched, FEATURE_SIZE, 4) as results,
    ):
        list(results)
    assert not working_threads()


def test_a_run_has_as_many_items_as_the_engine_takes_at_once(engine: BranchEngine) -> None:
    sizes: list[int] = []

    class Counted(WatchedEngine):
        def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            sizes.append(len(pixels))
            return super().run(modality, pixels)

    counted = Counted(engine, 1, (1, 2, 4, 8))
    with embedded_in_order(range(16), prepared, counted, FEATURE_SIZE, 64) as results:
        assert len(list(results)) == 16
    assert sizes == [8] * 2 * len(MODALITIES)


def test_heavy_items_are_not_taken_ahead(engine: BranchEngine) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    watched = WatchedEngine(engine, 1, (1, 2))
    with embedded_in_order(
        items(), prepared, watched, FEATURE_SIZE, 50, lambda item: 10, 30
    ) as results:
        numbers = []
        for number, _ in results:
            numbers.append(number)
            # Two runs of two weigh 40, after which no other begins; one more may be half taken.
            assert taken <= number + 2 * 3
    assert numbers == list(range(100))


def test_no_items_give_no_results(engine: BranchEngine, tmp_path: Path) -> None:
    with embedded_in_order([], prepared, engine, FEATURE_SIZE, 1) as results:
        assert list(results) == []
