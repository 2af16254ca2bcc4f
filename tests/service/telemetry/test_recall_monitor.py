"""The thread that estimates the recall: when, how often, and what ends it."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.errors import GalleryClosed, GalleryUnavailable
from service.gallery.record import NewRecord
from service.running import Running
from service.telemetry.recall_monitor import QUERIES, MeasuredRecall, RecallMonitor, SampledShare
from tests.service.gallery.builders import random_features
from tests.service.ingest.waiting import wait_until
from tests.service.serving import running_service
from vreid.bundle import Bundle


@contextmanager
def monitor(
    sampled_share: SampledShare, interval: float = 0.001, load: float = 1
) -> Iterator[RecallMonitor]:
    made = RecallMonitor(sampled_share, interval, load)
    made.start()
    try:
        yield made
    finally:
        made.stop(30)


def measured(made: RecallMonitor) -> MeasuredRecall:
    wait_until(lambda: made.latest is not None, "an estimate")
    assert made.latest is not None
    return made.latest


def in_turn(*answers: Callable[[], float | None]) -> SampledShare:
    """Gives the answers one after the other, and the last for ever."""
    left = list(answers)
    return lambda generator, results: (left.pop(0) if len(left) > 1 else left[0])()


def every_time(shares: Sequence[float]) -> SampledShare:
    """Gives the shares of one estimate, and the same for the next."""
    assert len(shares) == QUERIES
    left = cycle(shares)
    return lambda generator, results: next(left)


def failing(error: Exception) -> Callable[[], float | None]:
    def fail() -> float | None:
        raise error

    return fail


def test_an_estimate_is_the_mean_with_its_margin() -> None:
    with monitor(every_time([1.0, 0.5] * (QUERIES // 2))) as made:
        found = measured(made)
    assert found.estimate == pytest.approx(0.75)
    assert found.margin == pytest.approx(2 * 0.25 / math.sqrt(QUERIES))
    assert (found.results, found.queries) == (20, QUERIES)


def test_queries_that_say_nothing_do_not_count() -> None:
    with monitor(every_time([math.nan] * 10 + [0.8] * (QUERIES - 10))) as made:
        found = measured(made)
    assert found.estimate == pytest.approx(0.8)
    assert found.queries == QUERIES - 10


def test_an_estimate_is_forgotten_when_searches_become_exact() -> None:
    is_exact = threading.Event()
    with monitor(lambda generator, results: None if is_exact.is_set() else 0.8) as made:
        measured(made)
        is_exact.set()
        wait_until(lambda: made.latest is None, "the end of the estimate")


@pytest.mark.parametrize("error", [GalleryUnavailable("gone"), ValueError("a fault")])
def test_an_error_does_not_end_it(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING),
        monitor(in_turn(failing(error), lambda: 0.9)) as made,
    ):
        assert measured(made).estimate == pytest.approx(0.9)
    assert "recall cannot be estimated" in caplog.text


def test_a_closed_gallery_ends_it() -> None:
    others = recall_threads()
    with monitor(in_turn(failing(GalleryClosed("closed")))):
        wait_until(lambda: recall_threads() == others, "the end of the thread")


def recall_threads() -> set[threading.Thread]:
    """Those of services that other tests share, too."""
    return {thread for thread in threading.enumerate() if thread.name == "recall"}


def test_it_rests_most_of_the_time() -> None:
    """Nineteen times as long as a query took; here a query takes 10 ms."""
    began: list[float] = []

    def slow(generator: np.random.Generator, results: int) -> float:
        began.append(time.monotonic())
        until = began[-1] + 0.01
        while time.monotonic() < until:
            pass
        return 1.0

    with monitor(slow, load=0.05):
        wait_until(lambda: len(began) > 2, "three queries")
    assert min(np.diff(began)) >= 0.01 * 20


def test_stopping_does_not_wait_for_the_rest() -> None:
    others = recall_threads()
    with monitor(in_turn(lambda: 1.0), interval=3600) as made:
        assert len(recall_threads()) == len(others) + 1
        made.stop(30)
        assert recall_threads() == others


def test_a_service_tells_the_estimate_in_its_status_and_metrics(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    recall = {"interval": 0.01, "load": 1}
    with running_service(calibrated_bundle.path, tmp_path / "gallery", recall=recall) as (
        client,
        running,
    ):
        assert recall_of(client) is None
        assert "\nvreid_gallery_recall_estimate " not in client.get("/metrics").text
        fill(running, 2100)
        wait_until(lambda: running.gallery.info().index.sealed_segments > 0, "a segment")  # type: ignore[union-attr]
        wait_until(lambda: recall_of(client) is not None, "an estimate", 120)
        told = recall_of(client)
        assert told is not None
        assert 0 < told["estimate"] <= 1
        assert (told["at"], told["queries"]) == (20, QUERIES)
        assert "\nvreid_gallery_recall_estimate " in client.get("/metrics").text


def test_a_service_that_is_told_not_to_estimates_nothing(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    others = recall_threads()
    recall = {"estimate": False}
    with running_service(calibrated_bundle.path, tmp_path / "gallery", recall=recall) as (_, made):
        assert made.recall is None
        assert recall_threads() == others


def recall_of(client: httpx.Client) -> dict[str, float] | None:
    found: dict[str, float] | None = client.get("/status").json()["gallery"]["recall"]
    return found


def fill(running: Running, count: int) -> None:
    """As many records as are sealed, with features of their own."""
    generator = np.random.default_rng(3)
    size = running.bundle.manifest.feature_size
    mask = np.ones(3, np.bool_)
    running.gallery.add_all(
        [NewRecord(features=random_features(generator, size), mask=mask) for _ in range(count)]
    )
