"""Retries, deadlines and keys over real connections."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kept_port import kept_port
from tests.service.ingest.waiting import wait_until
from tests.service.serving import running_service
from tests.vreid.client.asking import AnyClient, Asking, Kind, asking
from tests.vreid.client.between import (
    Between,
    answer,
    drip,
    drip_headers,
    hang_up,
    keep_waiting,
    lose_answer,
    problem,
    standing_between,
)
from tests.vreid.client.seen import seen, sighted
from vreid.bundle import Bundle
from vreid.client import (
    AnswerLost,
    AsyncClient,
    Busy,
    Client,
    DeadlineExceeded,
    RecordExists,
    Retry,
    ServiceUnreachable,
    Sighting,
)
from vreid.errors import ConfigurationError

STEADY = Retry(attempts=100, seconds=60, pause=0.05, longest_pause=0.1)


def test_a_busy_service_is_asked_again(asked_between: Asking, between: Between) -> None:
    between.next(problem(429, "overloaded", Retry_After="0"))
    between.next(problem(503, "gallery-locked", Retry_After="0"))
    found = asked_between.ask(lambda client: client.search(seen(0), k=1))
    assert found.policy == "shared"
    assert len(between.received) == 3
    assert len({request.body.count(b"PNG") for request in between.received}) == 1


def test_an_overloaded_service_answers_when_it_has_room_again(
    calibrated_bundle: Bundle, tmp_path: Path, kind: Kind
) -> None:
    policies: list[str] = []
    with (
        running_service(calibrated_bundle.path, tmp_path / "gallery", receiving=1) as (client, _),
        standing_between(str(client.base_url)) as between,
        asking(kind, between.url, STEADY) as asked,
    ):
        with half_sent_body(client.base_url.port or 0):
            asker = threading.Thread(
                target=lambda: policies.append(asked.ask(lambda one: one.search(seen(0))).policy)
            )
            asker.start()
            wait_until(lambda: bool(between.answered), "a refusal")
        asker.join(timeout=60)
    assert policies == ["shared"]
    assert between.answered[0] in (429, 503)
    assert between.answered[-1] == 200


def test_a_service_that_stays_busy_is_an_error_that_says_when(
    asked_between: Asking, between: Between
) -> None:
    between.next(*[problem(429, "ingest-full", Retry_After="3600")] * 2)
    with pytest.raises(Busy, match="do something else") as caught:
        asked_between.ask(lambda client: client.search(seen(0)))
    assert (caught.value.retry_after, len(between.received)) == (3600, 1)


def test_a_sighting_without_an_id_is_not_sent_again_when_its_answer_is_lost(
    asked_between: Asking, between: Between, camera: str
) -> None:
    between.next(lose_answer)
    sighting = sighted(0, told=Sighting(camera=camera))
    with pytest.raises(AnswerLost, match="may have been carried out"):
        asked_between.ask(lambda client: client.enrol(sighting))
    assert len(between.received) == 1
    stored = asked_between.all_of(lambda client: client.records(filter={"camera": camera}))
    assert len(stored) == 1


def test_a_sighting_without_an_id_is_sent_again_when_it_was_refused(
    asked_between: Asking, between: Between, camera: str
) -> None:
    between.next(problem(503, "overloaded", Retry_After="0"))
    sighting = sighted(0, told=Sighting(camera=camera))
    assert asked_between.ask(lambda client: client.enrol(sighting)).camera == camera
    assert len(between.received) == 2


@pytest.mark.parametrize("trouble", [lose_answer, hang_up])
def test_a_sighting_with_an_id_is_stored_once_whatever_is_lost(
    asked_between: Asking, between: Between, camera: str, trouble: Callable[..., None]
) -> None:
    between.next(trouble)
    told = Sighting(id=camera, camera=camera, attributes={"lane": 3})
    record = asked_between.ask(lambda client: client.enrol(sighted(0, told=told)))
    assert (record.id, record.attributes) == (camera, {"lane": 3})
    assert bool(record.warnings) is (trouble is lose_answer)
    stored = asked_between.all_of(lambda client: client.records(filter={"camera": camera}))
    assert [each.id for each in stored] == [camera]


def test_another_s_record_of_the_same_id_is_not_taken_for_ours(
    asked_between: Asking, between: Between, camera: str
) -> None:
    first = sighted(0, told=Sighting(id=camera, identity="first"))
    other = sighted(0, told=Sighting(id=camera, identity="other"))
    asked_between.ask(lambda client: client.enrol(first))
    between.next(lose_answer)
    with pytest.raises(RecordExists):
        asked_between.ask(lambda client: client.enrol(other))


def test_a_deletion_whose_answer_was_lost_is_done(
    asked_between: Asking, between: Between, camera: str
) -> None:
    asked_between.ask(lambda client: client.enrol(sighted(0, told=Sighting(id=camera))))
    between.next(lose_answer)
    asked_between.ask(lambda client: client.delete(camera))
    assert [request.method for request in between.received] == ["POST", "DELETE", "DELETE"]


@pytest.mark.parametrize("trouble", [lose_answer, hang_up])
def test_a_deletion_of_an_expected_number_is_not_sent_again_when_its_answer_is_lost(
    asked_between: Asking, between: Between, camera: str, trouble: Callable[..., None]
) -> None:
    asked_between.ask(lambda client: client.enrol(sighted(0, told=Sighting(camera=camera))))
    between.next(trouble)
    with pytest.raises(AnswerLost, match="may have been carried out: count again with dry_run"):
        asked_between.ask(
            lambda client: client.delete_matching({"camera": camera}, all=True, expected=1)
        )
    assert [request.method for request in between.received] == ["POST", "DELETE"]


def test_a_deletion_of_an_expected_number_that_was_interrupted_is_not_sent_again(
    asked_between: Asking, between: Between, camera: str
) -> None:
    between.next(problem(503, "deletion-interrupted", Retry_After="0"))
    with pytest.raises(Busy, match="do something else"):
        asked_between.ask(lambda client: client.delete_matching({"camera": camera}, expected=1))
    assert len(between.received) == 1


def test_a_deletion_of_an_expected_number_is_sent_again_when_nothing_was_done(
    asked_between: Asking, between: Between, camera: str
) -> None:
    between.next(problem(503, "gallery-locked", Retry_After="0"))
    deleted = asked_between.ask(
        lambda client: client.delete_matching({"camera": camera}, expected=0)
    )
    assert (deleted.deleted, len(between.received)) == (0, 2)


@pytest.mark.parametrize("options", [{"dry_run": True, "expected": 1}, {"all": True}])
@pytest.mark.parametrize(
    "trouble", [lose_answer, problem(503, "deletion-interrupted", Retry_After="0")]
)
def test_a_count_and_a_deletion_of_any_number_are_sent_again(
    asked_between: Asking,
    between: Between,
    camera: str,
    options: dict[str, Any],
    trouble: Callable[..., None],
) -> None:
    between.next(trouble)
    asked_between.ask(lambda client: client.delete_matching({"camera": camera}, **options))
    assert [request.method for request in between.received] == ["DELETE", "DELETE"]


def test_nobody_listens(kind: Kind) -> None:
    with (
        kept_port() as port,
        asking(kind, f"http://127.0.0.1:{port}") as asked,
        pytest.raises(ServiceUnreachable, match="check the address and that the service runs"),
    ):
        asked.ask(lambda client: client.search(seen(0)))


def test_a_service_that_is_started_meanwhile_is_found(service: str, kind: Kind) -> None:
    stored: list[str] = []
    with kept_port() as port, asking(kind, f"http://127.0.0.1:{port}", STEADY) as asked:
        asker = threading.Thread(
            target=lambda: stored.append(asked.ask(lambda client: client.enrol(sighted(0))).id)
        )
        asker.start()
        with standing_between(service, port):
            asker.join(timeout=60)
    assert len(stored) == 1


def test_waiting_for_a_service_to_be_ready(asked_between: Asking, between: Between) -> None:
    between.next(hang_up, problem(503, "not-ready", Retry_After="2"), answer(502, b"<html>"))
    assert asked_between.ask(lambda client: client.wait_until_ready()).status == "ready"
    assert len(between.received) == 4


def test_waiting_for_a_service_ends(kind: Kind) -> None:
    with (
        kept_port() as port,
        asking(kind, f"http://127.0.0.1:{port}") as asked,
        pytest.raises(DeadlineExceeded, match=r"not ready within 0\.2 s; it last said: .*not sent"),
    ):
        asked.ask(lambda client: client.wait_until_ready(0.2))


@pytest.mark.parametrize("trouble", [keep_waiting, drip, drip_headers])
def test_a_deadline_ends_a_call_and_is_told_to_the_service(
    asked_between: Asking, between: Between, trouble: Callable[..., None]
) -> None:
    between.next(trouble)
    with pytest.raises(DeadlineExceeded, match=r"within 0\.5 s"):
        asked_between.within(0.5).ask(lambda client: client.search(seen(0)))
    wait_until(lambda: bool(between.received), "the request")
    assert int(between.received[0].headers["X-Deadline-Ms"]) <= 500
    asked_between.ask(lambda client: client.info())
    assert "X-Deadline-Ms" not in between.received[-1].headers


@pytest.mark.parametrize("client_kind", [Client, AsyncClient])
def test_address_and_key_come_from_arguments_or_the_environment(
    client_kind: type[AnyClient],
) -> None:
    environment = {"VREID_URL": "http://site:9000/vreid/", "VREID_API_KEY": "secret"}
    client = client_kind(environment=environment)
    assert client.url == "http://site:9000/vreid"
    assert "secret" not in repr(client)
    assert client.has_key
    assert client_kind("https://other", environment=environment).url == "https://other"
    assert client_kind(environment={}).url == "http://127.0.0.1:8000"


@pytest.mark.parametrize("client_kind", [Client, AsyncClient])
def test_the_environment_s_key_goes_to_the_environment_s_address_alone(
    client_kind: type[AnyClient],
) -> None:
    key = {"VREID_API_KEY": "secret"}
    site = key | {"VREID_URL": "http://site:9000/"}
    for url, environment, is_sent in [
        (None, site, True),
        ("http://site:9000", site, True),
        ("http://site:9001", site, False),
        ("https://other", site, False),
        ("http://127.0.0.1:8000", site, False),
        (None, key, True),
        ("https://other", key, False),
    ]:
        assert client_kind(url, environment=environment).has_key is is_sent
    assert client_kind("https://other", "own", environment=site).has_key


@pytest.mark.parametrize("change", [{"timeout": 0.0}, {"deadline": 0.0}])
def test_other_options_are_checked_too(change: dict[str, float]) -> None:
    client = Client(environment={})
    with pytest.raises(ConfigurationError, match="above 0"):
        client.with_options(timeout=change.get("timeout"), deadline=change.get("deadline"))


def test_a_connection_that_is_not_had_by_the_deadline_is_the_deadline(between: Between) -> None:
    between.next(keep_waiting)
    with Client(between.url, connections=1, environment={}) as client:
        asker = threading.Thread(target=client.info)
        asker.start()
        wait_until(lambda: bool(between.received), "the request")
        with pytest.raises(DeadlineExceeded, match="own connections were in use"):
            client.with_options(deadline=0.3).info()
        with pytest.raises(ServiceUnreachable, match="more `connections`"):
            client.with_options(timeout=0.1, retry=Retry(attempts=1)).info()
        between.released.set()
        asker.join(timeout=60)


def test_an_enrolment_that_may_be_stored_is_not_sent_again(
    asked_between: Asking, between: Between, camera: str
) -> None:
    between.next(problem(503, "gallery-unavailable", Retry_After="0"))
    with pytest.raises(Busy):
        asked_between.ask(lambda client: client.enrol(sighted(0, told=Sighting(camera=camera))))
    assert len(between.received) == 1


def test_the_key_goes_with_every_request(between: Between) -> None:
    with Client(between.url, api_key="secret") as client:
        client.info()
        client.ready()
    assert [request.headers["Authorization"] for request in between.received] == [
        "Bearer secret"
    ] * 2
    with Client(between.url, environment={}) as client:
        client.info()
    assert "Authorization" not in between.received[-1].headers


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://site", "http://", "http://[", "site", "http://site?a=b"]
)
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:8000"):
        Client(url)


def test_an_address_with_a_password_is_refused_and_the_password_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="VREID_API_KEY") as caught:
        Client("http://user:pass1@site")
    assert "pass1" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client(api_key="sec\nret")
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"timeout": 0.0}, {"deadline": -1.0}])
def test_times_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        Client(timeout=wrong.get("timeout", 1.0), deadline=wrong.get("deadline"))


@contextmanager
def half_sent_body(port: int) -> Iterator[None]:
    """Take the room of one body at a service for the length of the block."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(
            b"POST /embed HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        # It asks for the body once it has made room for it.
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{")
        yield
