import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.running import Running
from tests.service.problem_checks import assert_problem
from tests.service.serving import running_service
from tests.service.vehicles import picture, triplet
from vreid.bundle import Bundle
from vreid.modality import Modality

VEHICLES = 6


@pytest.fixture(scope="module")
def searched(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Running]]:
    """A service whose gallery holds two sightings of each vehicle; some lack modalities."""
    directory = tmp_path_factory.mktemp("searched")
    with running_service(calibrated_bundle.path, directory / "gallery") as (client, running):
        for identity in range(VEHICLES):
            for sighting, camera in enumerate(("north", "south")):
                images = triplet(identity, sighting)
                if (identity, camera) == (1, "south"):
                    del images["rgb"]
                fields = {
                    "id": f"{identity}-{camera}",
                    "identity": f"v{identity}",
                    "camera": camera,
                    "captured_at": f"2024-05-0{identity + 1}T12:00:00+02:00",
                }
                assert client.post("/gallery", files=images, data=fields).status_code == 201
        yield client, running


@pytest.fixture
def client(searched: tuple[httpx.Client, Running]) -> httpx.Client:
    return searched[0]


def search(client: httpx.Client, **document: object) -> dict[str, Any]:
    response = client.post("/search", json=document)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def encoded(images: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(data).decode() for name, data in images.items()}


def ids(answer: dict[str, Any]) -> list[str]:
    return [result["id"] for result in answer["results"]]


def test_the_same_vehicle_comes_first_with_all_that_is_known_about_it(client: httpx.Client) -> None:
    answer = client.post("/search", files=triplet(3, 7), data={"k": "2"}).json()
    first = answer["results"][0]
    assert [result["identity"] for result in answer["results"]] == ["v3", "v3"]
    assert first["rank"] == 1
    assert first["captured_at"] == "2024-05-04T10:00:00Z"
    assert first["mask"] == {"rgb": True, "nir": True, "tir": True}
    assert first["thumbnails"]["nir"] == f"/gallery/{first['id']}/images/nir"
    assert 0 <= first["probability"] <= 1
    assert sum(first["contributions"].values()) == pytest.approx(first["score"])


def test_results_carry_what_the_contract_names(client: httpx.Client) -> None:
    answer = client.post("/search", files=triplet(0), data={"k": "1"}).json()
    assert {"model", "policy", "results"} <= set(answer)
    assert {
        "rank",
        "id",
        "score",
        "probability",
        "identity",
        "camera",
        "captured_at",
        "attributes",
        "mask",
        "contributions",
    } <= set(answer["results"][0])


@pytest.mark.parametrize("missing", [("rgb",), ("nir", "tir"), ("rgb", "tir")])
def test_missing_modalities_are_no_error(client: httpx.Client, missing: tuple[str, ...]) -> None:
    images = {name: data for name, data in triplet(2, 9).items() if name not in missing}
    answer = client.post("/search", files=images).json()
    assert len(answer["results"]) == 10
    assert answer["query"]["mask"] == {name: name in images for name in ("rgb", "nir", "tir")}


def test_auto_is_resolved_in_the_answer(client: httpx.Client) -> None:
    assert client.post("/search", files=triplet(0)).json()["policy"] == "shared"


def test_an_incomplete_query_finds_nothing_by_concat_and_is_told_why(client: httpx.Client) -> None:
    files = {"rgb": picture(1)}
    answer = client.post("/search", files=files, data={"policy": "concat"}).json()
    assert answer["results"] == []
    assert any("use policy shared" in warning for warning in answer["warnings"])


def test_a_filter_narrows_the_search(client: httpx.Client) -> None:
    answer = search(
        client,
        samples=[encoded(triplet(0))],
        filter={
            "camera": "north",
            "captured_at": {"from": "2024-05-03T00:00:00Z", "to": "2024-05-05T00:00:00Z"},
        },
    )
    assert sorted(ids(answer)) == ["2-north", "3-north"]


def test_a_camera_can_be_excluded(client: httpx.Client) -> None:
    answer = search(client, samples=[encoded(triplet(0))], filter={"exclude_camera": "north"})
    assert {result["camera"] for result in answer["results"]} == {"south"}


def test_a_record_finds_others_like_it_and_not_itself(client: httpx.Client) -> None:
    answer = search(client, id="4-north", k=3)
    assert ids(answer)[0] == "4-south"
    assert "4-north" not in ids(answer)
    assert [result["rank"] for result in answer["results"]] == [1, 2, 3]
    assert ids(client.post("/search", files={"id": (None, "4-north")}).json())[0] == "4-south"


def test_an_embedding_finds_what_its_images_find(client: httpx.Client) -> None:
    for images in (triplet(5, 3), {"tir": picture(5, 3, Modality.TIR)}):
        features = client.post("/embed", files=images, data={"features": "true"}).json()
        embedding = {"features": features["samples"][0]["features"]}
        by_embedding = search(client, embedding=embedding)
        by_image = client.post("/search", files=images).json()
        assert by_embedding["results"] == by_image["results"]


def test_an_embedding_may_be_sent_back_as_base64(client: httpx.Client) -> None:
    fields = {"features": "true", "encoding": "base64"}
    embedded = client.post("/embed", files=triplet(5, 3), data=fields).json()
    embedding = {
        "features": embedded["samples"][0]["features"],
        "model": embedded["model"]["fingerprint"],
    }
    by_image = client.post("/search", files=triplet(5, 3)).json()
    assert search(client, embedding=embedding)["results"] == by_image["results"]


def test_an_embedding_of_another_model_is_refused(client: httpx.Client) -> None:
    embedding = {"features": [[1.0] * 16, None, None], "model": "sha256:" + "0" * 64}
    response = client.post("/search", json={"embedding": embedding})
    assert "/embed" in assert_problem(response, 409, "fingerprint-mismatch")["detail"]


def test_limits_below_the_defaults_bound_calls_that_say_no_number(
    calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    with running_service(
        calibrated_bundle.path, tmp_path / "gallery", limits={"k": 1, "page": 1}
    ) as (narrow, _):
        for identity in range(2):
            narrow.post("/gallery", files=triplet(identity))
        assert len(narrow.post("/search", files=triplet(0)).json()["results"]) == 1
        assert len(narrow.get("/gallery").json()["records"]) == 1
        assert_problem(narrow.get("/gallery?limit=2"), 422, "invalid-request")
        two = narrow.post("/search", files=triplet(0), data={"k": "2"})
        assert_problem(two, 422, "invalid-request")


def test_several_samples_are_fused_by_the_mean_of_each_modality(client: httpx.Client) -> None:
    samples = [encoded(triplet(1, 5)), encoded({"rgb": picture(1, 6)})]
    fused = search(client, samples=samples)
    embedded = client.post("/embed", json={"samples": samples, "features": True}).json()
    first, second = (sample["features"] for sample in embedded["samples"])
    mean = np.mean([first[0], second[0]], axis=0).tolist()
    expected = search(client, embedding={"features": [mean, first[1], first[2]]})
    assert ids(fused) == ids(expected)
    assert fused["query"]["mask"] == {"rgb": True, "nir": True, "tir": True}


def test_an_embedding_of_another_length_is_refused(client: httpx.Client) -> None:
    response = client.post("/search", json={"embedding": {"features": [[1.0, 2.0], None, None]}})
    body = assert_problem(response, 422, "invalid-request")
    assert "features have 16" in body["detail"]


def test_an_unknown_record_is_not_found(client: httpx.Client) -> None:
    assert_problem(client.post("/search", json={"id": "nobody"}), 404, "unknown-record")


def test_more_results_than_the_limit_are_refused(client: httpx.Client) -> None:
    response = client.post("/search", files=triplet(0), data={"k": "1001"})
    assert "1000" in assert_problem(response, 422, "invalid-request")["detail"]


def test_an_unknown_policy_names_those_there_are(client: httpx.Client) -> None:
    response = client.post("/search", files=triplet(0), data={"policy": "best"})
    assert "concat" in assert_problem(response, 422, "invalid-request")["detail"]


def test_an_unknown_filter_member_is_named(client: httpx.Client) -> None:
    response = client.post("/search", json={"id": "0-north", "filter": {"colour": "red"}})
    assert "colour" in assert_problem(response, 422, "invalid-filter")["detail"]


def test_parameters_in_the_address_are_refused_instead_of_ignored(client: httpx.Client) -> None:
    response = client.post("/search?k=1", files=triplet(0))
    assert "k: stands in the address" in assert_problem(response, 422, "invalid-request")["detail"]


def test_an_empty_gallery_has_no_results(service: tuple[httpx.Client, Running]) -> None:
    empty, _ = service
    assert empty.post("/search", files=triplet(0)).json()["results"] == []
