"""Lanes on an engine that runs in the test: nothing is lost, answered twice or computed in vain."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.batching.batcher import Batcher
from service.batching.branch_queues import Bounds, BranchQueues
from service.batching.errors import ClientGone, DeadlinePassed, LanesEnded
from service.batching.submission import QueuedImage, Submission
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from service.request_errors import Overloaded
from service.telemetry.metrics import Metrics, Stage
from tests.service.batching.engines import (
    FEATURE_SIZE,
    PATIENCE,
    Gate,
    NumberEngine,
    refuse,
    sample_of,
)
from vreid.engines import BranchRunner
from vreid.errors import EngineError, NoModality
from vreid.modality import MODALITIES, Modality


def batcher_on(engine: BranchRunner, lanes: int = 1, metrics: Metrics | None = None) -> Batcher:
    bounds = Bounds((1, 2, 4), 4, lanes=lanes, ingest_turn=4)
    return Batcher(engine, MODALITIES, FEATURE_SIZE, bounds, metrics or Metrics())


@contextmanager
def lanes_on(
    engine: BranchRunner, lanes: int = 1, metrics: Metrics | None = None
) -> Iterator[Batcher]:
    batcher = batcher_on(engine, lanes, metrics)
    batcher.start()
    try:
        yield batcher
    finally:
        batcher.close(PATIENCE)


modalities = st.lists(st.sampled_from(MODALITIES), min_size=1, max_size=3, unique=True)
requests = st.lists(
    st.tuples(
        st.lists(modalities, min_size=1, max_size=3),
        st.sampled_from(Urgency),
        st.sampled_from(["stays", "leaves"]),
    ),
    max_size=20,
)


@given(requests, st.integers(1, 3), st.sets(st.integers(0, 19), max_size=3))
@settings(max_examples=50, deadline=None)
def test_each_request_gets_its_own_features_or_its_own_error(
    asked: list[tuple[list[list[Modality]], Urgency, str]], lanes: int, failing: set[int]
) -> None:
    engine = NumberEngine(refuse(*failing))
    with lanes_on(engine, lanes) as batcher:
        tickets = [Ticket(urgency) for _, urgency, _ in asked]
        futures = [
            batcher.submit([sample_of(number, *each) for each in samples], ticket)
            for number, ((samples, _, _), ticket) in enumerate(zip(asked, tickets, strict=True))
        ]
        for ticket, (_, _, stays) in zip(tickets, asked, strict=True):
            if stays == "leaves":
                ticket.withdraw()
        for number, (future, (samples, _, stays)) in enumerate(zip(futures, asked, strict=True)):
            error = future.exception(PATIENCE)
            if stays == "leaves" and isinstance(error, ClientGone):
                continue
            if number in failing:
                assert isinstance(error, EngineError)
                continue
            assert error is None
            features, mask = future.result()
            expected = np.array([[each in sample for each in MODALITIES] for sample in samples])
            np.testing.assert_array_equal(mask, expected)
            np.testing.assert_array_equal(features, expected[:, :, None] * np.full(4, number))
    assert batcher.queued == 0
    for number, (samples, _, _) in enumerate(asked):
        for modality in MODALITIES:
            most = sum(modality in sample for sample in samples)
            assert engine.computed[modality, number] <= most


def test_images_of_several_requests_are_computed_together() -> None:
    gate = Gate()
    engine = NumberEngine(gate)
    with lanes_on(engine) as batcher:
        first = batcher.submit([sample_of(1, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        others = [batcher.submit([sample_of(n, Modality.RGB)], Ticket()) for n in range(2, 6)]
        gate.open()
        for future in (first, *others):
            future.result(PATIENCE)
    assert engine.runs == [(Modality.RGB, [1]), (Modality.RGB, [2, 3, 4, 5])]


def test_searches_go_before_what_was_ingested_earlier() -> None:
    gate = Gate()
    engine = NumberEngine(gate)
    with lanes_on(engine) as batcher:
        futures = [batcher.submit([sample_of(0, Modality.TIR)], Ticket())]
        gate.wait_until_reached()
        ingest = [sample_of(1, Modality.RGB)]
        futures.append(batcher.submit(ingest, Ticket(Urgency.INGEST)))
        futures.append(batcher.submit([sample_of(2, Modality.RGB)], Ticket(Urgency.SEARCH)))
        gate.open()
        for future in futures:
            future.result(PATIENCE)
    assert [numbers for _, numbers in engine.runs] == [[0], [2], [1]]


def test_what_a_client_left_is_not_computed() -> None:
    gate = Gate()
    engine = NumberEngine(gate)
    with lanes_on(engine) as batcher:
        held = batcher.submit([sample_of(0, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        ticket = Ticket()
        left = batcher.submit([sample_of(1)], ticket)
        assert batcher.queued == 3
        ticket.withdraw()
        assert batcher.queued == 0
        with pytest.raises(ClientGone):
            left.result(PATIENCE)
        gate.open()
        held.result(PATIENCE)
    assert {number for _, number in engine.computed} == {0}


def test_a_request_withdrawn_before_it_is_queued_is_not_computed() -> None:
    engine = NumberEngine()
    ticket = Ticket()
    ticket.withdraw()
    batcher = batcher_on(engine)
    left = batcher.submit([sample_of(1)], ticket)
    with pytest.raises(ClientGone):
        left.result(PATIENCE)
    assert batcher.queued == 0


def test_what_could_not_begin_in_time_is_not_computed() -> None:
    gate = Gate()
    engine = NumberEngine(gate)
    with lanes_on(engine) as batcher:
        held = batcher.submit([sample_of(0, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        late = batcher.submit([sample_of(1)], Ticket(deadline=time.monotonic() - 1))
        gate.open()
        held.result(PATIENCE)
        with pytest.raises(DeadlinePassed, match="longer deadline"):
            late.result(PATIENCE)
    assert {number for _, number in engine.computed} == {0}


def test_a_run_that_fails_fails_only_the_image_at_fault() -> None:
    gate = Gate()

    def hold_first_then_refuse(numbers: list[int]) -> None:
        gate(numbers)
        refuse(3)(numbers)

    engine = NumberEngine(hold_first_then_refuse)
    with lanes_on(engine) as batcher:
        held = batcher.submit([sample_of(0, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        futures = {
            number: batcher.submit([sample_of(number, Modality.RGB)], Ticket())
            for number in (1, 2, 3, 4)
        }
        gate.open()
        held.result(PATIENCE)
        with pytest.raises(EngineError, match="no features"):
            futures.pop(3).result(PATIENCE)
        for number, future in futures.items():
            features, _ = future.result(PATIENCE)
            assert features[0, 0, 0] == number


def test_features_that_are_no_numbers_fail_their_own_request_only() -> None:
    class Broken(NumberEngine):
        def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            features = super().run(modality, pixels)
            features[features == 2] = np.nan
            return features

    with lanes_on(Broken()) as batcher:
        futures = [batcher.submit([sample_of(number)], Ticket()) for number in (1, 2)]
        assert futures[0].result(PATIENCE)[0][0, 0, 0] == 1
        with pytest.raises(EngineError, match="finite"):
            futures[1].result(PATIENCE)


def test_features_of_another_size_are_an_error() -> None:
    class Wide(NumberEngine):
        def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            return np.repeat(super().run(modality, pixels), 2, axis=1)

    with lanes_on(Wide()) as batcher, pytest.raises(EngineError, match="export the bundle"):
        batcher.submit([sample_of(1)], Ticket()).result(PATIENCE)


class Fault(BaseException):
    """What nothing foresees."""


def fault_at(number: int) -> Callable[[list[int]], None]:
    def check(numbers: list[int]) -> None:
        if number in numbers:
            raise Fault

    return check


def test_a_lane_that_ends_by_a_fault_is_noticed_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with lanes_on(NumberEngine(fault_at(7)), lanes=2) as batcher:
        with pytest.raises(LanesEnded):
            batcher.submit([sample_of(7, Modality.RGB)], Ticket()).result(PATIENCE)
        assert batcher.lanes_running == 1
        assert batcher.submit([sample_of(8)], Ticket()).result(PATIENCE)[1].all()
    assert "A lane ended by a fault" in caplog.text


def test_when_no_lane_is_left_everything_that_waits_fails_and_nothing_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    batcher = batcher_on(NumberEngine(fault_at(7)))
    futures = [batcher.submit([sample_of(number)], Ticket()) for number in (7, 8)]
    batcher.start()
    for future in futures:
        assert isinstance(future.exception(PATIENCE), LanesEnded)
    assert batcher.lanes_running == 0
    later = batcher.submit([sample_of(9)], Ticket())
    assert isinstance(later.exception(PATIENCE), LanesEnded)
    assert batcher.queued == 0
    batcher.close(PATIENCE)
    assert "A lane ended by a fault" in caplog.text


def test_a_lane_that_faults_after_its_run_still_answers_whom_it_owes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FaultyMetrics(Metrics):
        def stage(self, stage: Stage, seconds: float) -> None:
            raise Fault

    with lanes_on(NumberEngine(), metrics=FaultyMetrics()) as batcher:
        future = batcher.submit([sample_of(1, Modality.RGB)], Ticket())
        assert isinstance(future.exception(PATIENCE), LanesEnded)
        assert batcher.seconds_ahead(Urgency.INGEST) >= 0
    assert "A lane ended by a fault" in caplog.text


def test_a_run_that_lasts_many_times_its_mean_counts_as_hung(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()
    with lanes_on(NumberEngine(gate)) as batcher:
        in_work = batcher.submit([sample_of(1, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        assert batcher.hung_lanes() == 0
        monkeypatch.setattr("service.batching.hands.SHORTEST_HANG", 0.0)
        assert batcher.hung_lanes() == 1
        batcher.costs.add(Modality.RGB, 1, 3600.0)
        assert batcher.hung_lanes() == 0
        gate.open()
        in_work.result(PATIENCE)
        assert batcher.hung_lanes() == 0


def test_closing_answers_what_a_lane_does_not_come_back_with() -> None:
    gate = Gate()
    with lanes_on(NumberEngine(gate)) as batcher:
        in_work = batcher.submit([sample_of(1, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        batcher.close(0.0)
        assert isinstance(in_work.exception(0), LanesEnded)
        gate.open()


def test_closing_waits_for_no_company() -> None:
    turns = 0

    class Counted(BranchQueues):
        def take(self, now: float) -> tuple[list[QueuedImage], list[Submission]]:
            nonlocal turns
            turns += 1
            return super().take(now)

    bounds = Bounds((1, 2, 4), 4, delay=3600.0)
    batcher = Batcher(NumberEngine(), MODALITIES, FEATURE_SIZE, bounds, Metrics())
    batcher._queues = Counted(MODALITIES, bounds)
    future = batcher.submit([sample_of(1)], Ticket())
    batcher.start()
    batcher.close(PATIENCE)
    assert future.result(0)[1].all()
    assert turns == len(MODALITIES)


def test_what_came_while_a_lane_was_free_is_never_too_late() -> None:
    with lanes_on(NumberEngine()) as batcher:
        late = Ticket(deadline=time.monotonic() - 1)
        assert batcher.submit([sample_of(1)], late).result(PATIENCE)[1].all()


def test_what_is_too_late_is_told_without_a_lane() -> None:
    gate = Gate()
    with lanes_on(NumberEngine(gate)) as batcher:
        held = batcher.submit([sample_of(0, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        ticket = Ticket(deadline=time.monotonic() + 3600)
        late = batcher.submit([sample_of(1)], ticket)
        ticket.expire()
        assert not late.done()
        ticket.deadline = time.monotonic() - 1
        ticket.expire()
        assert isinstance(late.exception(0), DeadlinePassed)
        assert batcher.queued == 0
        gate.open()
        held.result(PATIENCE)


def test_images_without_room_are_refused_and_an_empty_queue_takes_any() -> None:
    gate = Gate()
    with lanes_on(NumberEngine(gate)) as batcher:
        held = batcher.submit([sample_of(0, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        waiting = batcher.submit([sample_of(1)], Ticket(), room=1)
        with pytest.raises(Overloaded, match="3 images wait"):
            batcher.submit([sample_of(2)], Ticket(), room=5)
        fitting = batcher.submit([sample_of(2)], Ticket(), room=6)
        gate.open()
        for future in (held, waiting, fitting):
            future.result(PATIENCE)


def test_closing_finishes_what_waits() -> None:
    gate = Gate()
    engine = NumberEngine(gate)
    batcher = batcher_on(engine)
    futures = [batcher.submit([sample_of(number)], Ticket()) for number in range(5)]
    batcher.start()
    gate.wait_until_reached()
    closing = threading.Thread(target=batcher.close)
    closing.start()
    gate.open()
    closing.join(PATIENCE)
    assert all(future.result(0)[1].all() for future in futures)
    assert isinstance(batcher.submit([sample_of(1)], Ticket()).exception(PATIENCE), LanesEnded)


def test_a_sample_without_an_image_is_refused() -> None:
    with pytest.raises(NoModality, match="sample 1"):
        batcher_on(NumberEngine()).submit([sample_of(1), {}], Ticket())


def test_nothing_to_compute_is_answered_at_once() -> None:
    features, mask = batcher_on(NumberEngine()).submit([], Ticket()).result(0)
    assert (features.shape, mask.shape) == ((0, 3, FEATURE_SIZE), (0, 3))


def test_the_wait_is_estimated_by_what_goes_before() -> None:
    gate = Gate()

    def hold_the_second(numbers: list[int]) -> None:
        if 1 in numbers:
            gate(numbers)

    with lanes_on(NumberEngine(hold_the_second)) as batcher:
        batcher.submit([sample_of(0, Modality.RGB)], Ticket()).result(PATIENCE)
        assert batcher.seconds_ahead(Urgency.INGEST) == 0
        in_work = batcher.submit([sample_of(1, Modality.RGB)], Ticket())
        gate.wait_until_reached()
        alone = batcher.seconds_ahead(Urgency.SEARCH)
        assert alone > 0
        waiting = [
            batcher.submit([sample_of(2, Modality.RGB)], Ticket(urgency))
            for urgency in (Urgency.SEARCH, Urgency.INGEST, Urgency.INGEST)
        ]
        assert batcher.seconds_ahead(Urgency.SEARCH) == pytest.approx(2 * alone)
        assert batcher.seconds_ahead(Urgency.INGEST) == pytest.approx(4 * alone)
        gate.open()
        for future in (in_work, *waiting):
            future.result(PATIENCE)
