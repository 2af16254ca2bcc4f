import re

import pytest

from tests.service.vehicles import picture
from tests.vreid.client.asking import Asking, Kind, asking
from tests.vreid.client.between import Between, answer, problem
from tests.vreid.client.seen import seen, sighted
from vreid.client import (
    ClientError,
    Embedding,
    ImageRefused,
    Images,
    KeyNeeded,
    ModelMismatch,
    NotPermitted,
    NotSetUp,
    NotThere,
    RecordExists,
    RequestRefused,
    ServiceFailed,
    ServiceProblem,
    Sighting,
    TooLarge,
    UnexpectedAnswer,
)
from vreid.errors import FingerprintMismatch, ImageError, NoModality, VreidError


def test_a_problem_says_what_the_service_said(asked: Asking) -> None:
    with pytest.raises(RequestRefused) as caught:
        asked.ask(lambda client: client.search(seen(0), k=0, min_score=7))
    error = caught.value
    assert (error.status, error.type) == (422, "urn:vreid:problem:invalid-request")
    assert [each.field for each in error.errors] == ["k", "min_score"]
    assert "greater than or equal to 1" in error.errors[0].message
    assert error.request_id is not None
    assert error.request_id in str(error)
    assert error.retry_after is None


def test_a_record_that_is_not_there(asked: Asking) -> None:
    with pytest.raises(NotThere, match="list the gallery"):
        asked.ask(lambda client: client.get("nobody"))
    with pytest.raises(NotThere, match="list the gallery"):
        asked.ask(lambda client: client.delete("nobody"))
    with pytest.raises(NotThere):
        asked.ask(lambda client: client.thumbnail("nobody", "rgb"))


def test_an_id_that_is_taken(asked: Asking, camera: str) -> None:
    first, second = (sighted(0, each, Sighting(id=camera)) for each in range(2))
    asked.ask(lambda client: client.enrol(first))
    with pytest.raises(RecordExists, match="choose another id"):
        asked.ask(lambda client: client.enrol(second))


def test_features_of_another_model(asked: Asking) -> None:
    row = asked.ask(lambda client: client.embed(seen(0), features=True)).embeddings()[0].features
    with pytest.raises(ModelMismatch) as caught:
        asked.ask(lambda client: client.search(Embedding(features=row, model="sha256:other")))
    assert isinstance(caught.value, FingerprintMismatch)


def test_an_image_that_cannot_be_used_is_named(asked: Asking) -> None:
    with pytest.raises(ImageRefused, match=r"samples\[1\]\.tir") as caught:
        asked.ask(lambda client: client.embed(seen(0), Images(tir=b"no image")))
    assert isinstance(caught.value, ImageError)


def test_a_body_that_is_too_large(small_service: str, kind: Kind) -> None:
    with asking(kind, small_service) as asked, pytest.raises(TooLarge, match="64000 bytes"):
        asked.ask(lambda client: client.embed(Images(rgb=picture(0) + bytes(100_000))))


def test_a_call_that_the_service_is_not_set_up_for(asked: Asking) -> None:
    with pytest.raises(NotSetUp, match="VREID_INGEST__REDIS"):
        asked.ask(lambda client: client.ingest(sighted(0)))


def test_what_cannot_be_sent_is_refused_before_it_is(
    asked_between: Asking, between: Between
) -> None:
    with pytest.raises(NoModality, match="at least one"):
        asked_between.ask(lambda client: client.embed(Images()))
    with pytest.raises(ClientError, match="nothing to send"):
        asked_between.ask(lambda client: client.embed())
    with pytest.raises(ClientError, match="nothing to send"):
        asked_between.ask(lambda client: client.search())
    with pytest.raises(ClientError, match="nothing to send"):
        asked_between.ask(lambda client: client.ingest())
    with pytest.raises(ClientError, match="at least one character"):
        asked_between.ask(lambda client: client.delete(""))
    assert between.received == []


@pytest.mark.parametrize("name", [".", "..", "a/b", "ä b?#%"])
def test_an_odd_id_never_names_another_path(
    asked_between: Asking, between: Between, name: str
) -> None:
    with pytest.raises(NotThere):
        asked_between.ask(lambda client: client.get(name))
    [request] = between.received
    assert re.fullmatch(r"/gallery/[^/?#]+", request.path)
    assert request.path not in ("/gallery/.", "/gallery/..")


def test_too_many_calls_with_a_wrong_key_mean_that_a_key_is_needed(
    asked_between: Asking, between: Between
) -> None:
    between.next(problem(429, "too-many-failures", Retry_After="1"))
    with pytest.raises(KeyNeeded, match="VREID_API_KEY"):
        asked_between.ask(lambda client: client.info())
    assert len(between.received) == 1


@pytest.mark.parametrize(
    ("status", "kind_of_error"),
    [(401, NotPermitted), (403, NotPermitted), (500, ServiceFailed), (302, ServiceFailed)],
)
def test_an_error_of_something_in_between_says_where_to_look(
    asked_between: Asking, between: Between, status: int, kind_of_error: type[ServiceProblem]
) -> None:
    between.next(answer(status, b"<html>", Location="http://elsewhere/", X_Request_ID="p1"))
    with pytest.raises(kind_of_error, match="address") as caught:
        asked_between.ask(lambda client: client.info())
    assert (caught.value.status, caught.value.type) == (status, "about:blank")
    assert caught.value.request_id == "p1"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"version": 3}', b"\xff", b"{}"])
def test_an_answer_of_another_kind_is_named(
    asked_between: Asking, between: Between, body: bytes
) -> None:
    between.next(answer(200, body))
    with pytest.raises(UnexpectedAnswer, match="the answer to GET /info"):
        asked_between.ask(lambda client: client.info())


def test_every_error_is_of_the_one_tree_and_documented() -> None:
    def below(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    from vreid.client import errors

    kinds = {each for each in below(ClientError) if each.__module__ == errors.__name__}
    assert len(kinds) > 15
    assert all(issubclass(each, VreidError) for each in kinds)
    assert [each.__name__ for each in kinds if each.__name__ not in (errors.__doc__ or "")] == []
