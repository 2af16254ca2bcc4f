"""What a request would wait for: images by urgency, those that are not decoded among them."""

import pytest

from service.batching.backlog import Backlog
from service.batching.batcher import Batcher
from service.batching.branch_queues import Bounds
from service.batching.urgency import Urgency
from service.telemetry.metrics import Metrics
from tests.service.batching.engines import FEATURE_SIZE, NumberEngine
from vreid.modality import MODALITIES


@pytest.fixture
def backlog() -> Backlog:
    bounds = Bounds((1, 2, 4), 4)
    batcher = Batcher(NumberEngine(), MODALITIES, FEATURE_SIZE, bounds, Metrics())
    made = Backlog(batcher, decode_threads=2)
    made.add(images=3, decoding=6.0, inference=3.0)
    return made


EACH = 2.0
"""Seconds of one image: 2 to decode in two threads, and 1 to compute."""


def test_requests_count_by_their_images(backlog: Backlog) -> None:
    backlog.begin(one := backlog.expect(None, writes=False))
    assert backlog.seconds(Urgency.SEARCH) == 3 * EACH
    backlog.known(one, Urgency.SEARCH, 1)
    assert backlog.seconds(Urgency.SEARCH) == EACH
    backlog.end(one)
    backlog.end(one)
    assert backlog.seconds(Urgency.SEARCH) == 0


def test_images_are_guessed_from_the_size_of_the_body(backlog: Backlog) -> None:
    backlog.add_size(30_000, 3)
    assert backlog.expect(50_000, writes=False).images == 5
    assert backlog.expect(10, writes=False).images == 1


def test_a_search_does_not_wait_for_what_is_ingested(backlog: Backlog) -> None:
    backlog.add_size(30_000, 3)
    backlog.begin(backlog.expect(100_000, writes=True))
    assert backlog.seconds(Urgency.SEARCH) == 0
    assert backlog.seconds(Urgency.INGEST) == 10 * EACH


def test_a_request_does_not_wait_for_itself(backlog: Backlog) -> None:
    backlog.begin(one := backlog.expect(None, writes=False))
    assert backlog.seconds(Urgency.SEARCH, besides=one) == 0
    backlog.known(one, Urgency.INGEST, 9)
    assert backlog.seconds(Urgency.INGEST, besides=one) == 0


def test_what_a_request_takes_itself_is_that_of_small_ones_and_grows_with_its_images(
    backlog: Backlog,
) -> None:
    backlog.add_own(3, 2.0)
    backlog.add_own(60, 500.0)
    assert backlog.own(1) == backlog.own(3) == 2.0
    assert backlog.own(6) == 4.0
    for _ in range(3):
        backlog.add_own(3, 4.0)
    assert backlog.worst_own(3) == 4.0 > backlog.own(3)
