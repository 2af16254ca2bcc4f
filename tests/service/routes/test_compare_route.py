import base64

import httpx
import pytest

from service.routes.compare import verdict_of
from service.running import Running
from tests.service.calibrated_bundle import FALSE_ACCEPT_RATE, THRESHOLD
from tests.service.problem_checks import assert_problem
from tests.service.vehicles import picture, triplet
from vreid.modality import Modality


def pair(a: dict[str, bytes], b: dict[str, bytes]) -> dict[str, bytes]:
    return {f"a_{name}": data for name, data in a.items()} | {
        f"b_{name}": data for name, data in b.items()
    }


def test_two_sightings_of_one_vehicle_are_the_same(client: httpx.Client) -> None:
    answer = client.post("/compare", files=pair(triplet(1, 1), triplet(1, 2))).json()
    assert answer["score"] > THRESHOLD
    assert answer["verdict"] == {
        "same": True,
        "false_accept_rate": FALSE_ACCEPT_RATE,
        "threshold": THRESHOLD,
    }
    assert sum(answer["contributions"].values()) == pytest.approx(answer["score"])


def test_two_vehicles_score_lower_than_one(client: httpx.Client) -> None:
    same = client.post("/compare", files=pair(triplet(1, 1), triplet(1, 2))).json()
    other = client.post("/compare", files=pair(triplet(1, 1), triplet(2, 2))).json()
    assert other["score"] < same["score"]
    assert other["probability"] < same["probability"]


def test_samples_that_share_no_modality_are_compared_by_their_centers(
    client: httpx.Client,
) -> None:
    files = pair({"rgb": picture(1)}, {"tir": picture(1, 0, Modality.TIR)})
    answer = client.post("/compare", files=files).json()
    assert answer["a"] == {"rgb": True, "nir": False, "tir": False}
    assert set(answer["contributions"]) == {"rgb", "tir"}


def test_the_order_does_not_matter(client: httpx.Client) -> None:
    there = client.post("/compare", files=pair(triplet(1), triplet(2))).json()
    back = client.post("/compare", files=pair(triplet(2), triplet(1))).json()
    assert there["score"] == back["score"]


def test_a_document_compares_too(client: httpx.Client) -> None:
    image = base64.b64encode(picture(1)).decode()
    answer = client.post("/compare", json={"a": {"rgb": image}, "b": {"rgb": image}}).json()
    assert answer["score"] == pytest.approx(1)


def test_a_record_is_compared_by_its_id_as_its_images_are(
    service: tuple[httpx.Client, Running],
) -> None:
    client, _ = service
    client.post("/gallery", files=triplet(1, 1), data={"id": "one"})
    client.post("/gallery", files=triplet(2, 1), data={"id": "two"})
    by_images = client.post("/compare", files=pair(triplet(1, 1), triplet(2, 1))).json()
    by_ids = client.post("/compare", json={"a": {"id": "one"}, "b": {"id": "two"}}).json()
    mixed = client.post(
        "/compare",
        files={f"b_{name}": data for name, data in triplet(2, 1).items()},
        data={"a_id": "one"},
    ).json()
    assert by_ids == mixed == by_images


def test_a_record_that_is_not_there_is_named(client: httpx.Client) -> None:
    response = client.post("/compare", json={"a": {"id": "nobody"}, "b": {"id": "nobody"}})
    assert "nobody" in assert_problem(response, 404, "unknown-record")["detail"]


def test_a_side_is_a_record_or_images_but_not_both(client: httpx.Client) -> None:
    data, files = {"a_id": "one", "b_id": "two"}, {"a_rgb": picture(1)}
    response = client.post("/compare", files=files, data=data)
    [problem] = assert_problem(response, 422, "invalid-request")["errors"]
    assert problem["field"] == "a"


def test_a_side_without_anything_is_told_what_it_may_be(client: httpx.Client) -> None:
    response = client.post("/compare", files={"a_rgb": picture(1)})
    assert "b_id" in assert_problem(response, 422, "no-modality")["detail"]


def test_a_policy_that_does_not_compare_the_pair_is_refused(client: httpx.Client) -> None:
    files = pair({"rgb": picture(1)}, triplet(1))
    response = client.post("/compare", files=files, data={"policy": "concat"})
    assert "shared" in assert_problem(response, 422, "unusable-query")["detail"]


def test_the_image_at_fault_is_named_as_the_client_named_it(client: httpx.Client) -> None:
    response = client.post("/compare", files=pair({"rgb": picture(1)}, {"nir": b"nothing"}))
    assert assert_problem(response, 422, "undecodable-image")["errors"][0]["field"] == "b_nir"


def test_without_a_calibrated_threshold_there_is_no_verdict() -> None:
    assert verdict_of(0.9, "shared:rgb", None, 0.001) is None
