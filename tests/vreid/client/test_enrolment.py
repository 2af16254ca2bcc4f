import json
from collections.abc import Iterator

import numpy as np
import pytest

from tests.service.vehicles import picture
from tests.vreid.client.asking import Asking, Kind, asking
from tests.vreid.client.between import (
    Between,
    answer,
    forward,
    lose_answer,
    problem,
    standing_between,
)
from tests.vreid.client.seen import sighted
from vreid.client import (
    EnrolmentInterrupted,
    EnrolOutcome,
    EnrolReport,
    ImageRefused,
    RecordExists,
    RequestRefused,
    Sighting,
    TooLarge,
)
from vreid.errors import UnreadableImage


def sightings_of(camera: str, count: int) -> Iterator[Sighting]:
    for number in range(count):
        yield sighted(number, told=Sighting(id=f"{camera}-{number}", camera=camera))


def stored_ids(asked: Asking, camera: str) -> list[str]:
    records = asked.all_of(lambda client: client.records(filter={"camera": camera}))
    return [record.id for record in records]


def batches(between: Between) -> list[int]:
    """How many sightings each enrolment had."""
    return [
        len(json.loads(request.body)["samples"])
        for request in between.received
        if request.method == "POST"
    ]


@pytest.fixture
def small(small_service: str) -> Iterator[Between]:
    with standing_between(small_service) as between:
        yield between


def test_batches_have_no_more_sightings_than_the_service_takes(
    small: Between, kind: Kind, camera: str
) -> None:
    with asking(kind, small.url) as asked:
        sightings = [
            Sighting(rgb=picture(0, each), id=f"{camera}-{each}", camera=camera)
            for each in range(10)
        ]
        report = asked.ask(lambda client: client.enrol_many(sightings))
        assert (report.stored, report.present, report.failed) == (10, 0, ())
        assert stored_ids(asked, camera) == [each.id for each in sightings]
    assert batches(small) == [4, 4, 2]


def test_batches_have_no_more_bytes_than_the_service_takes(
    small: Between, kind: Kind, camera: str
) -> None:
    padded = picture(0) + bytes(20_000)
    sightings = [Sighting(rgb=padded, id=f"{camera}-{each}", camera=camera) for each in range(4)]
    with asking(kind, small.url) as asked:
        assert asked.ask(lambda client: client.enrol_many(sightings)).stored == 4
    assert batches(small) == [2, 2]
    assert all(len(each.body) <= 64_000 for each in small.received)


def test_a_batch_that_is_refused_as_a_whole_is_halved(
    small: Between, kind: Kind, camera: str
) -> None:
    with asking(kind, small.url) as asked:
        report = asked.ask(lambda client: client.enrol_many(sightings_of(camera, 4)))
        assert report.stored == 4
        assert stored_ids(asked, camera) == [f"{camera}-{each}" for each in range(4)]
    assert batches(small) == [4, 2, 2]


def test_one_that_is_too_large_alone_fails_alone(small: Between, kind: Kind, camera: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    sightings = [
        Sighting(rgb=picture(0), id=f"{camera}-0"),
        Sighting(rgb=noise, id=f"{camera}-1"),
        Sighting(rgb=picture(1), id=f"{camera}-2"),
    ]
    with asking(kind, small.url) as asked:
        report = asked.ask(lambda client: client.enrol_many(sightings))
    assert report.stored == 2
    assert [each.number for each in report.failed] == [1]
    assert isinstance(report.failed[0].error, TooLarge)


def test_what_cannot_be_used_stops_nothing_else_and_is_told_why(asked: Asking, camera: str) -> None:
    asked.ask(lambda client: client.enrol(sighted(7, told=Sighting(id=f"{camera}-old"))))
    sightings = [
        sighted(0, told=Sighting(id=f"{camera}-0", camera=camera)),
        Sighting(rgb=b"no image", id=f"{camera}-1"),
        Sighting(rgb="no/such/file.jpg", id=f"{camera}-2"),
        sighted(1, told=Sighting(id=f"{camera}-old")),
        sighted(2, told=Sighting(id=f"{camera}-0")),
        sighted(3, told=Sighting(camera=camera, attributes={"speed": float("nan")})),
        sighted(4, told=Sighting(camera=camera)),
    ]
    told: list[EnrolOutcome] = []
    report = asked.ask(lambda client: client.enrol_many(sightings, progress=told.append))
    told.sort(key=lambda outcome: outcome.number)
    assert [each.status for each in told] == [
        "stored",
        "failed",
        "failed",
        "present",
        "failed",
        "failed",
        "stored",
    ]
    errors = [each.error for each in told]
    assert isinstance(errors[1], ImageRefused)
    assert [each.field for each in errors[1].errors] == ["rgb"]
    assert "samples[" not in str(errors[1])
    assert isinstance(errors[2], UnreadableImage)
    assert isinstance(errors[3], RecordExists)
    assert isinstance(errors[4], RequestRefused)
    assert [each.number for each in told] == list(range(7))
    assert [each.number for each in report.failed] == [1, 2, 4, 5]
    assert (report.stored, report.present) == (2, 1)


def test_running_it_again_stores_nothing_twice(asked: Asking, camera: str) -> None:
    first = asked.ask(lambda client: client.enrol_many(sightings_of(camera, 3)))
    again = asked.ask(lambda client: client.enrol_many(sightings_of(camera, 5)))
    assert (first.stored, again.stored, again.present) == (3, 2, 3)
    assert stored_ids(asked, camera) == [f"{camera}-{each}" for each in range(5)]


def test_a_lost_answer_stores_a_batch_once(
    asked_between: Asking, between: Between, camera: str
) -> None:
    between.next(forward, lose_answer)
    report = asked_between.ask(lambda client: client.enrol_many(sightings_of(camera, 3)))
    assert (report.present, report.failed) == (3, ())
    assert stored_ids(asked_between, camera) == [f"{camera}-{each}" for each in range(3)]


def test_an_interruption_says_what_was_settled(
    asked_between: Asking, between: Between, camera: str
) -> None:
    between.next(forward, forward, problem(507, "gallery-unwritable"))
    with pytest.raises(EnrolmentInterrupted, match=r"2 stored now.*do something else") as caught:
        asked_between.ask(lambda client: client.enrol_many(sightings_of(camera, 6), batch=2))
    assert (caught.value.report.stored, caught.value.report.settled) == (2, 2)
    report = asked_between.ask(lambda client: client.enrol_many(sightings_of(camera, 6)))
    assert (report.present, report.stored) == (2, 4)


def test_sightings_are_taken_as_they_are_needed(
    asked_between: Asking, between: Between, camera: str
) -> None:
    taken: list[str | None] = []

    def watched() -> Iterator[Sighting]:
        for sighting in sightings_of(camera, 9):
            taken.append(sighting.id)
            yield sighting

    between.next(forward, answer(401, b""))
    with pytest.raises(EnrolmentInterrupted):
        asked_between.ask(lambda client: client.enrol_many(watched(), batch=2))
    assert len(taken) <= 3


def test_nothing_is_nothing(asked: Asking) -> None:
    assert asked.ask(lambda client: client.enrol_many([])) == EnrolReport()


def test_an_id_that_another_sighting_has_taken_is_a_failure(asked: Asking, camera: str) -> None:
    first = Sighting(id=f"{camera}-0", camera=camera, identity="first")
    other = Sighting(id=f"{camera}-0", camera=camera, identity="other")
    asked.ask(lambda client: client.enrol(sighted(0, told=first)))
    sightings = [sighted(0, told=other), sighted(1, told=Sighting(id=f"{camera}-1", camera=camera))]
    report = asked.ask(lambda client: client.enrol_many(sightings))
    assert (report.stored, report.present) == (1, 0)
    assert [each.id for each in report.failed] == [f"{camera}-0"]
    assert isinstance(report.failed[0].error, RecordExists)
