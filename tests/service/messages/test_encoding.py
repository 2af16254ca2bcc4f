"""Answers as JSON: what the service makes without a model is what its models describe."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pydantic import BaseModel

from service.messages.answers import EmbedAnswer, Verdict
from service.messages.encoding import encode_json
from service.search.answer import SearchAnswer
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

FINITE = {"allow_nan": False, "allow_infinity": False}


@given(values=arrays.arrays(np.float32, st.integers(0, 40), elements=FINITE))
def test_a_float32_reads_back_as_the_same_float32(values: NDArray[np.float32]) -> None:
    read = json.loads(encode_json({"vector": values}))["vector"]
    np.testing.assert_array_equal(np.array(read, dtype=np.float32), values)


@given(score=st.floats(allow_nan=False, allow_infinity=False))
def test_a_score_reads_back_as_the_same_number(score: float) -> None:
    assert json.loads(encode_json({"score": score}))["score"] == score


def test_times_are_written_as_models_write_them() -> None:
    class Moment(BaseModel):
        at: datetime

    for at in (
        datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        datetime(2026, 3, 1, 12, 0, 0, 5000, tzinfo=UTC),
    ):
        assert json.loads(encode_json({"at": at})) == json.loads(encode_json(Moment(at=at)))


def test_models_are_encoded_by_themselves() -> None:
    verdict = Verdict(same=True, false_accept_rate=0.001, threshold=0.7)
    assert json.loads(encode_json(verdict)) == verdict.model_dump()


@pytest.fixture(scope="module")
def client(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    gallery: Path = tmp_path_factory.mktemp("encoded") / "gallery"
    with running_service(calibrated_bundle.path, gallery) as (client, _):
        for identity in range(4):
            images = triplet(identity, 0)
            if identity == 1:
                del images["nir"]
            fields = {
                "id": f"{identity}",
                "identity": f"v{identity % 3}",
                "captured_at": "2026-03-01T12:00:00.25Z",
                "attributes": '{"colour": "rot", "speed": 12.5, "wet": true}',
            }
            assert client.post("/gallery", files=images, data=fields).status_code == 201
        yield client


def assert_is(model: type[BaseModel], body: bytes) -> dict[str, Any]:
    """The document is what the model itself would have written, member by member in its order."""
    document: dict[str, Any] = json.loads(body)
    written = json.loads(model.model_validate(document).model_dump_json())
    assert json.dumps(document) == json.dumps(written)
    return document


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize("features", ["true", "false"])
@pytest.mark.parametrize("missing", [(), ("tir",)])
def test_an_embedding_is_an_embed_answer(
    client: httpx.Client, encoding: str, features: str, missing: tuple[str, ...]
) -> None:
    images = {name: data for name, data in triplet(0, 1).items() if name not in missing}
    response = client.post(
        "/embed", files=images, data={"encoding": encoding, "features": features}
    )
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    sample = assert_is(EmbedAnswer, response.content)["samples"][0]
    assert (sample["features"] is None) == (features == "false")
    assert (sample["concat"] is None) == bool(missing)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"k": 2},
        {"features": True, "explain": True},
        {"group_by": "identity", "group_size": 2, "explain": True},
        {"rerank": True},
        {"rerank": {"method": "query-expansion"}, "group_by": "identity"},
        {"min_score": 2 / 3, "policy": "center"},
        {"false_accept_rate": 0.5},
    ],
)
def test_what_a_search_finds_is_a_search_answer(
    client: httpx.Client, options: dict[str, Any]
) -> None:
    response = client.post("/search", json={"id": "0", **options})
    assert response.status_code == 200, response.text
    answer = assert_is(SearchAnswer, response.content)
    if not {"min_score", "false_accept_rate"} & options.keys():
        assert answer["results"]
